// In-memory stand-ins for what a browser gives the module: fetch, WebSocket and time.

import assert from 'node:assert/strict'
import { mock } from 'node:test'

import { GraphError, openSSE } from '../graph.mjs'

// turn lets everything happen that does not wait for a timer.
export const turn = async () => {
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
}

// until waits for a condition, without timers, and fails if it does not come true.
export const until = async (condition, what = String(condition)) => {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return
    await new Promise(resolve => setImmediate(resolve))
  }
  assert.fail(`in vain: ${what}`)
}

// fakeTime stops the clock; tick moves it and lets happen what follows. Math.random is 0.5, so that jitter is known.
export const fakeTime = t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const random = mock.method(Math, 'random', () => 0.5)
  t.after(() => {
    mock.timers.reset()
    random.mock.restore()
  })
  return async milliseconds => {
    await turn()
    mock.timers.tick(milliseconds)
    await turn()
  }
}

// A FakeSSE answers fetch like a server: each GET is a stream that the test writes to, each POST is kept.
export class FakeSSE {
  streams = []
  posts = []
  refuse = null // (init) => a Response in place of the usual one
  #postWaits = null

  constructor(t) {
    const stub = mock.method(globalThis, 'fetch', (url, init = {}) => this.#fetch(url, init))
    t.after(() => stub.mock.restore())
  }

  get stream() { return this.streams.at(-1) }

  // messages are all that was posted, parsed.
  get messages() { return this.posts.flatMap(({ body }) => body.split('\n').map(line => JSON.parse(line))) }

  // holdPosts keeps POSTs unanswered until the function it returns is called.
  holdPosts() {
    const held = withResolvers()
    this.#postWaits = held.promise
    return () => {
      this.#postWaits = null
      held.resolve()
    }
  }

  async #fetch(url, init) {
    init.signal?.throwIfAborted()
    const refused = await this.refuse?.(init)
    if (init.method === 'POST') {
      this.posts.push({ url, headers: init.headers, body: init.body, redirect: init.redirect })
      if (this.#postWaits) await abortable(this.#postWaits, init.signal)
      return refused || new Response(null, { status: 202 })
    }
    const stream = new FakeStream(url, init)
    this.streams.push(stream)
    return refused || new Response(stream.body, { headers: { 'Content-Type': 'text/event-stream' } })
  }
}

const withResolvers = () => {
  const all = {}
  all.promise = new Promise((resolve, reject) => Object.assign(all, { resolve, reject }))
  return all
}

const abortable = (promise, signal) =>
  Promise.race([promise, new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))])

class FakeStream {
  #controller
  aborted = false

  constructor(url, init) {
    this.url = url
    this.headers = init.headers
    this.body = new ReadableStream({ start: controller => { this.#controller = controller } })
    init.signal?.addEventListener('abort', () => {
      if (!this.aborted) this.#controller.error(init.signal.reason)
      this.aborted = true
    })
  }

  write(bytes) { this.#controller.enqueue(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes) }
  message(m) { this.write(`data: ${JSON.stringify(m)}\n\n`) }
  name(id, token = `token-${id}`) { this.message({ route: 'setId', args: id, meta: { token } }) }

  end() {
    this.aborted = true // nothing is left to abort
    this.#controller.close()
  }

  fail(error = new TypeError('network error')) {
    this.aborted = true
    this.#controller.error(error)
  }
}

// A FakeWebSocket is one socket; the test plays the server with open, message and close of "sockets.at(-1)".
export const fakeWebSocket = t => {
  const sockets = []
  const before = globalThis.WebSocket
  globalThis.WebSocket = class {
    sent = []
    bufferedAmount = 0
    closedWith = null

    constructor(url, protocol) {
      Object.assign(this, { url, protocol })
      sockets.push(this)
    }

    send(text) { this.sent.push(JSON.parse(text)) }
    close(code) { this.closedWith = code }
    open() { this.onopen({}) }
    message(m) { this.onmessage?.({ data: typeof m === 'string' ? m : JSON.stringify(m) }) }
    end(code = 1006, reason = '') { this.onclose({ code, reason }) }

    name(id) {
      this.open()
      this.message({ route: 'setId', args: id })
    }
  }
  t.after(() => { globalThis.WebSocket = before })
  return sockets
}

// states collects the states a connection goes through.
export const states = connection => {
  const seen = []
  connection.addEventListener('state', ({ detail: { state, error } }) => {
    seen.push(error ? `${state} ${error.code}` : state)
  })
  return seen
}

// reported collects the errors that have nobody else to go to.
export const reported = t => {
  const errors = []
  globalThis.reportError = error => errors.push(error)
  t.after(() => { delete globalThis.reportError })
  return errors
}

// code is what assert.rejects is given to check the code of an error.
export const code = want => error => error instanceof GraphError && error.code === want

export const url = 'http://server.test/app/sse'

// connected opens a connection to a fake server, and ends it with the test.
export const connected = async (t, options = {}) => {
  const tick = fakeTime(t)
  const server = new FakeSSE(t)
  const c = openSSE(url, options)
  t.after(() => c.terminate())
  await until(() => server.streams.length === 1)
  server.stream.name('id-1')
  await c.ready
  return { c, server, tick }
}

// message waits for the n-th message that was posted, counted from 1.
export const message = async (server, n) => {
  await until(() => server.messages.length >= n, `message ${n} of ${JSON.stringify(server.messages)}`)
  return server.messages[n - 1]
}
