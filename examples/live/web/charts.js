// A Chart is a strip of SVG that moves to the left as samples come: one line for each series over the last minute.

const WIDTH = 300 // user units; the strip is stretched to the size it has on the page
const HEIGHT = 100
const SPAN = 60 // steps between samples that the strip shows
const STEP = WIDTH / SPAN
const still = matchMedia('(prefers-reduced-motion: reduce)')

export class Chart {
  #samples = [] // [time, values], the oldest first; a value may be undefined
  #lines
  #moving
  #top
  #scale

  // format names the value at the upper edge, which is top or, by default, the next round multiple of a power of base
  // above all that is shown.
  constructor(svg, { series = 1, top, base = 10, format } = {}) {
    this.#top = most => top ?? roundAbove(most, base)
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`)
    svg.setAttribute('preserveAspectRatio', 'none')
    for (const y of [25, 50, 75]) svg.append(element('line', { x1: 0, x2: WIDTH, y1: y, y2: y }))
    this.#moving = element('g', {})
    this.#lines = Array.from({ length: series }, (_, i) => {
      const group = element('g', { class: i === 0 ? 'first' : 'second' })
      group.append(element('path', { class: 'area' }), element('path', {}))
      this.#moving.append(group)
      return group
    })
    svg.append(this.#moving)
    if (format) this.#scale = { format, label: addScale(svg) }
  }

  // fill replaces all samples.
  fill(samples) {
    this.#samples = samples.slice(-SPAN - 2)
    this.#draw(0)
  }

  // push adds a sample, unless it is no newer than the last one: what is watched may also be part of what was asked for.
  push(time, values) {
    const before = this.#samples.at(-1)?.[0] ?? -Infinity
    if (time <= before) return
    this.#samples.push([time, values])
    if (this.#samples.length > SPAN + 2) this.#samples.shift()
    this.#draw(time - before)
  }

  // draw puts the newest sample one step outside of the strip and lets it come in while the next one is on its way.
  #draw(interval) {
    const top = this.#top(Math.max(0, ...this.#samples.flatMap(([, values]) => values.filter(Number.isFinite))))
    this.#lines.forEach((group, i) => {
      const points = this.#samples.map(([, values], k) => {
        const x = WIDTH + STEP * (2 - this.#samples.length + k)
        return Number.isFinite(values[i]) ? [x, HEIGHT - (HEIGHT - 2) * Math.min(values[i] / top, 1)] : undefined
      })
      const [area, line] = group.children
      line.setAttribute('d', runs(points).map(run => `M${run.join('L')}`).join(''))
      area.setAttribute('d', runs(points).map(run => `M${run[0][0]},${HEIGHT}L${run.join('L')}L${run.at(-1)[0]},${HEIGHT}Z`).join(''))
    })
    if (this.#scale) this.#scale.label.textContent = this.#scale.format(top)
    const end = { transform: `translateX(${-STEP}px)` }
    const duration = still.matches || !(interval < 3000) ? 0 : interval
    this.#moving.animate([{ transform: 'none' }, end], { duration, fill: 'forwards' })
  }
}

const element = (name, attributes) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}

// addScale puts a label above the strip. Text inside of it would be stretched with it.
const addScale = svg => {
  const plot = document.createElement('div')
  plot.className = 'plot'
  const label = document.createElement('span')
  label.className = 'scale'
  label.setAttribute('aria-hidden', 'true')
  svg.replaceWith(plot)
  plot.append(svg, label)
  return label
}

// runs are the pieces of a line between the places where a value is missing.
const runs = points => {
  const pieces = [[]]
  for (const point of points) {
    if (point) pieces.at(-1).push(point)
    else if (pieces.at(-1).length > 0) pieces.push([])
  }
  return pieces.filter(piece => piece.length > 0)
}

// roundAbove is the next of 1, 2, 5, 10, 20, 50, ... in units of a power of base, so that the scale stays for a while.
const roundAbove = (most, base) => {
  if (most <= 1) return 1
  const unit = base ** Math.floor(Math.log(most) / Math.log(base))
  return [1, 2, 5, 10, 20, 50, 100, 200, 500].map(n => n * unit).find(n => n >= most) ?? base * unit
}
