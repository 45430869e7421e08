// The figures of the computer: what is watched, and where it is shown.

import { Chart } from './charts.js'
import { MISSING, bytes, count, facts, number, percent, rate, show } from './format.js'

const $ = id => document.getElementById(id)

// figures watches the figures on a connection. Each time it opens, the charts are filled with the last minute.
export const figures = (server, watch) => {
  const charts = {
    cpu: new Chart($('cpu-chart'), { top: 100, format: x => `${x} %` }),
    memory: new Chart($('memory-chart'), { top: 100, format: x => `${x} %` }),
    network: new Chart($('network-chart'), { series: 2, base: 1024, format: rate }),
    heap: new Chart($('heap-chart'), { base: 1024, format: bytes }),
    goroutines: new Chart($('goroutines-chart'), { format: count }),
  }
  const cores = new Cores($('cpu-cores'))

  server.addEventListener('state', async ({ detail: { state } }) => {
    if (state !== 'open') return
    const recent = await server.run('system.recent').catch(() => []) // the charts then fill by themselves
    const fill = (chart, values) => chart.fill(recent.map(sample => [sample.time, values(sample)]))
    fill(charts.cpu, s => [s.cpu?.totalPercent])
    fill(charts.memory, s => [share(s.memory)])
    fill(charts.network, s => [s.network?.rxBytesPerSec, s.network?.txBytesPerSec])
    fill(charts.heap, s => [s.process?.heapBytes])
    fill(charts.goroutines, s => [s.process?.goroutines])
    cores.fill(recent)
  })

  watch('system.computer', ({ hostname, os, arch, cores, goVersion, source }) => {
    const from = source === 'proc' ? 'figures from /proc' : 'figures of this program from the Go runtime'
    $('cpu-title').textContent = source === 'proc' ? 'Processor' : 'Processor, used by this program'
    $('computer').textContent = [hostname, `${os}/${arch}`, `${cores} cores`, goVersion, from].filter(Boolean).join(' · ')
  })

  watchFigures('system.cpu', cpu => {
    show($('cpu-total'), percent(cpu.totalPercent))
    const load = [cpu.load1, cpu.load5, cpu.load15].every(x => x === undefined)
      ? MISSING : [cpu.load1, cpu.load5, cpu.load15].map(number).join(', ')
    $('cpu-load').textContent = `Load average over 1, 5 and 15 minutes: ${load}`
    charts.cpu.push(cpu.time, [cpu.totalPercent])
    cores.push(cpu)
  })

  watchFigures('system.memory', memory => {
    const used = share(memory)
    show($('memory-used'), percent(used))
    $('memory-bar').hidden = used === undefined
    $('memory-bar').value = used ?? 0
    facts($('memory-facts'), [
      ['used', bytes(memory.usedBytes)],
      ['of', bytes(memory.totalBytes)],
      ['swap', memory.swap?.totalBytes === 0 ? 'none' : bytes(memory.swap?.usedBytes)],
    ])
    charts.memory.push(memory.time, [used])
  })

  watchFigures('system.network', ({ time, rxBytesPerSec: rx, txBytesPerSec: tx }) => {
    show($('network-total'), rx === undefined ? MISSING : rate(rx + (tx ?? 0)))
    facts($('network-facts'), [['received', rate(rx), 'key'], ['sent', rate(tx), 'key second']])
    charts.network.push(time, [rx, tx])
  })

  watchFigures('system.process', p => {
    show($('process-resident'), p.residentBytes === undefined ? MISSING : `${bytes(p.residentBytes)} resident`)
    facts($('process-facts'), [
      ['processor', percent(p.cpuPercent)],
      ['heap', bytes(p.heapBytes)],
      ['Go runtime', bytes(p.runtimeBytes)],
      ['goroutines', count(p.goroutines)],
      ['threads', count(p.threads)],
      ['open files', count(p.openFiles)],
    ])
    charts.heap.push(p.time, [p.heapBytes])
    charts.goroutines.push(p.time, [p.goroutines])
  })

  // The state is empty until the first sample is taken.
  function watchFigures(route, draw) {
    watch(route, value => { if (value.time > 0) draw(value) })
  }
}

// share is the used part of the memory in percent.
const share = memory =>
  memory?.totalBytes > 0 && memory.usedBytes !== undefined ? (100 * memory.usedBytes) / memory.totalBytes : undefined

// Cores has a small chart for each core, made when the core is first seen.
class Cores {
  #list
  #byID = new Map()

  constructor(list) { this.#list = list }

  fill(samples) {
    const ids = new Set(samples.flatMap(({ cpu }) => (cpu?.cores ?? []).map(core => core.id)))
    for (const id of ids) {
      const values = samples.map(({ time, cpu }) => [time, [cpu?.cores?.find(core => core.id === id)?.percent]])
      this.#core(id).chart.fill(values)
    }
  }

  push({ time, cores = [] }) {
    for (const { id, percent: value } of cores) {
      const core = this.#core(id)
      core.label.textContent = percent(value)
      core.chart.push(time, [value])
    }
  }

  #core(id) {
    if (!this.#byID.has(id)) {
      const item = document.createElement('li')
      const head = document.createElement('p')
      const name = document.createElement('span')
      const label = document.createElement('span')
      const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
      svg.setAttribute('class', 'chart')
      svg.setAttribute('aria-hidden', 'true')
      name.textContent = `core ${id}`
      head.append(name, label)
      item.append(head, svg)
      this.#list.append(item)
      this.#byID.set(id, { chart: new Chart(svg, { top: 100 }), label })
    }
    return this.#byID.get(id)
  }
}
