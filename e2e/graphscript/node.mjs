// Runs the checks in Node: node node.mjs http://host:port

import { EventSource } from 'eventsource'
import WebSocket from 'ws'
import { checks, within } from './checks.mjs'
import { run } from './run.mjs'

// The browser bundle looks for these when it is loaded. None of them is used by the clients under test.
Object.assign(globalThis, {
  WebSocket,
  EventSource,
  window: globalThis,
  HTMLElement: class {},
  Worker: class {},
  customElements: { define() {}, get() {} },
  location: { protocol: 'http:', hostname: '127.0.0.1' },
  // Enough for the stream's client, which posts with it.
  XMLHttpRequest: class {
    open(method, url) { Object.assign(this, { method, url }) }
    addEventListener(type, f) { this[`on${type}`] = f }
    setRequestHeader() {}
    overrideMimeType() {}
    send(body) {
      fetch(this.url, { method: this.method, body }).then(async response => {
        Object.assign(this, { status: response.status, readyState: 4, responseText: await response.text() })
        try { this.response = JSON.parse(this.responseText) } catch { this.response = null }
        this.onload?.(this)
      }, () => this.onerror?.(this))
    }
    abort() {}
  },
})
const mistakes = []
process.on('uncaughtException', error => mistakes.push(error))

const gs = await import('./node_modules/graphscript/dist/index.esm.js')
const base = process.argv[2]
const { hostname: host, port } = new URL(base)
const failed = await run(checks, { gs, base, host, port: Number(port) }, console.log)
await within(Promise.resolve())
for (const error of mistakes) console.log('note: the client threw', error.message)
process.exit(failed ? 1 : 0)
