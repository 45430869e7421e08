// The browser's end of a graph: one module, no dependencies, no build step. graph.d.mts documents the API.
//
// A page is a graph as the server is. Each runs, posts to and watches the routes of the other with the same verbs,
// over server-sent events (messages come on a stream and leave by POST) or over a WebSocket:
//
//   const page = new Graph({ 'page.title': () => document.title })        // what the server may call
//   const server = await connectSSE('sse', { graph: page })
//   const sum = await server.run('math.add', 2, 3)                        // rejects with a GraphError
//   const watch = await server.subscribe('system.cpu', cpu => draw(cpu))  // watch.stop() ends it

const CALL_TIMEOUT = 10_000 // for the reply to a call that says nothing else; the server's own default
const OPEN_TIMEOUT = 15_000 // from dialling to the first message, which names the session
const POST_TIMEOUT = 30_000
const QUIET_TIMEOUT = 45_000 // a link without a byte for so long is dead: a stream has a comment every 15 s ...
const PROBE_AFTER = 30_000 // ... and on a WebSocket, whose pings a page cannot see, the page asks
const SETTLED_AFTER = 10_000 // a session that lived so long begins a new back-off when it is lost
const FIRST_DELAY = 1_000
const MAX_DELAY = 30_000
const MAX_TIMER = 2 ** 31 - 1 // browsers run a longer timer at once
const MAX_QUEUE = 1 << 20 // UTF-16 code units that may wait to leave
const MAX_BATCH = 256 << 10 // of them in one POST; the server takes 1 MiB
const MAX_EVENT = 16 << 20
const MAX_ID = 100 // of the 128 bytes the server allows a callbackId

// What HTTP statuses and close codes mean here; other statuses by their hundred, other close codes "unavailable".
const [EXHAUSTED, DENIED] = ['resource_exhausted', 'permission_denied']
const STATUS_CODES = { 401: 'unauthenticated', 403: DENIED, 404: 'not_found', 413: EXHAUSTED, 429: EXHAUSTED }
const CLOSE_CODES = { 1000: 'canceled', 1008: DENIED, 1009: EXHAUSTED, 1013: EXHAUSTED }
const FINAL = new Set(['canceled', 'unauthenticated', DENIED, 'not_found']) // no use in coming back

export const openSSE = (url, options = {}) => new Connection(() => new SSELink(absolute(url), options), options)
export const openWS = (url, options = {}) =>
  new Connection(() => new WSLink(absolute(url).replace(/^http/, 'ws')), options)
export const connectSSE = async (url, options) => openSSE(url, options).ready
export const connectWS = async (url, options) => openWS(url, options).ready

const absolute = url => new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href

export class GraphError extends Error {
  constructor(code, message = '', details = undefined) {
    super(message || code)
    this.name = 'GraphError'
    this.code = code
    this.details = details
  }
}

const unavailable = message => new GraphError('unavailable', message)
const exhausted = message => new GraphError(EXHAUSTED, message)
const canceled = cause => Object.assign(new GraphError('canceled', 'the caller gave up'), { cause })
const report = error => (globalThis.reportError ?? console.error)(error)

const incoming = error => new GraphError(error?.code || 'internal', error?.message ?? String(error), error?.details)
const outgoing = error => {
  if (error instanceof GraphError) return { code: error.code, message: error.message, details: error.details }
  report(error)
  return { code: 'internal' } // the text may hold what is nobody else's business
}

// A Graph holds what the other end may use: functions, which are run, and other values, which are state.
export class Graph {
  #nodes = new Map() // not an object: no route may reach what objects inherit, such as "constructor"

  constructor(routes = {}) {
    for (const [route, work] of Object.entries(routes)) this.add(route, work)
  }

  add(route, work) {
    if (this.#nodes.has(route)) throw new GraphError('already_exists', `the route ${route} exists`)
    this.#nodes.set(route, { work, watches: new Set() })
    return this
  }

  remove(route) {
    const { watches } = this.#node(route)
    this.#nodes.delete(route)
    for (const watch of watches) watch.end(new GraphError('not_found', `the route ${route} was removed`))
  }

  set(route, value) {
    const node = this.#node(route)
    if (typeof node.work === 'function') throw new GraphError('failed_precondition', `${route} is no state`)
    node.work = value
    publish(node, value)
  }

  async run(route, ...args) { return this.do({ route, args }) }

  // do is run for a connection: "context" is what a handler finds in "this".
  async do({ route, method = '', args = [] }, context) {
    const node = this.#nodes.get(`${route}.${method}`) ?? this.#node(route)
    if (typeof node.work !== 'function') {
      if (args.length > 0) throw new GraphError(DENIED, `${route} cannot be set`)
      return node.work
    }
    const value = await node.work.apply(context, args)
    if (value !== undefined) publish(node, value)
    return value
  }

  async subscribe(route, callback, { snapshot = true, key = '', input = false } = {}) {
    if (input) throw new GraphError('unimplemented', 'a page does not publish its inputs')
    const node = this.#node(key ? `${route}.${key}` : route)
    const watch = new Subscription(callback, () => node.watches.delete(watch))
    node.watches.add(watch)
    if (snapshot && typeof node.work !== 'function') watch.deliver(node.work, updateInfo({ snapshot: true }))
    return watch
  }

  #node(route) {
    const node = this.#nodes.get(route)
    if (!node) throw new GraphError('not_found', `no route ${route}`)
    return node
  }
}

const publish = (node, value) => { for (const watch of node.watches) watch.deliver(value, updateInfo({})) }
const updateInfo = ({ lost = 0, id = '', snapshot = false, gap = false }) => ({ lost, position: id, snapshot, gap })

class Subscription {
  #callback
  #cleanUp
  #resolve
  #live = true
  ended = new Promise(resolve => { this.#resolve = resolve })

  constructor(callback, cleanUp) {
    this.#callback = callback
    this.#cleanUp = cleanUp
  }

  deliver(value, info) {
    try {
      this.#callback(value, info)
    } catch (error) {
      report(error) // a mistake in one callback must not end the connection
    }
  }

  stop() { this.end() }

  end(error) {
    if (!this.#live) return
    this.#live = false
    this.#cleanUp()
    this.#resolve(error)
  }
}

// A Connection is the other graph for as long as the page wants it. The conversation is here; a link below it moves
// text, and each attempt to connect has a link, and if it succeeds a session, of its own.
export class Connection extends EventTarget {
  #dial
  #graph
  #timeout
  #state = 'connecting'
  #link = null // null between two attempts
  #id = '' // empty until the server has named the session
  #timer // for the session's name, then until the session counts as settled, or for the next attempt
  #failures = 0
  #settleReady
  #lastId = 0 // never begins anew, so that a late answer cannot meet a call of a later session
  #wanted = new Set() // subscriptions, whatever session serves them
  // Of the present session:
  #calls = new Map() // callbackId -> { resolve, reject }
  #watches = new Map() // callbackId -> Subscription
  #usedIds = new Set() // of subscriptions: an update on its way to one that was stopped must not reach another
  #serving = new Map() // callbackId of the other end -> function that ends what it asked for

  constructor(dial, { graph = new Graph(), timeout = CALL_TIMEOUT, signal } = {}) {
    super()
    if (signal?.aborted) throw canceled(signal.reason)
    this.ready = new Promise((resolve, reject) => { this.#settleReady = { resolve, reject } })
    this.ready.catch(() => {}) // whoever awaits it gets the error; nobody has to
    this.#dial = dial
    this.#graph = graph
    this.#timeout = timeout
    this.#connect()
    globalThis.addEventListener?.('online', this.#online)
    signal?.addEventListener('abort', () => this.terminate(), { once: true })
  }

  get state() { return this.#state }
  get id() { return this.#id }

  run(route, ...args) { return this.request({ route, args: wireArgs(args) }) }

  async request({ route, method, args }, { signal, timeout = this.#timeout } = {}) {
    if (!route) throw new GraphError('invalid_argument', 'a request needs a route')
    return this.#ask(++this.#lastId, { route, method, args }, signal, timeout)
  }

  post(route, ...args) { this.#write({ route, args: wireArgs(args) }) }

  send(value) {
    if (!this.#id) throw unavailable('not connected')
    this.#link.write(typeof value === 'string' ? value : JSON.stringify(value))
  }

  async subscribe(route, callback, { signal, snapshot = true, ...options } = {}) {
    if (signal?.aborted) throw canceled(signal.reason)
    if (this.#state === 'closed') throw unavailable('the connection is closed')
    const watch = new Subscription(callback, () => this.#unwatch(watch))
    const agreed = new Promise(agree => Object.assign(watch, { route, options: { snapshot, ...options }, agree }))
    const stop = () => watch.stop()
    signal?.addEventListener('abort', stop)
    const refused = watch.ended.then(error => {
      signal?.removeEventListener('abort', stop)
      throw error ?? canceled(signal?.reason)
    })
    this.#wanted.add(watch)
    if (this.#id) this.#watch(watch)
    await Promise.race([agreed, refused])
    return watch
  }

  terminate() {
    if (this.#state === 'closed') return
    this.#endSession('terminated')
    this.#close()
  }

  #connect = () => {
    clearTimeout(this.#timer)
    const link = (this.#link = this.#dial())
    link.received = (text, event) => link === this.#link && this.#received(text, event)
    link.lost = error => link === this.#link && this.#lost(error)
    this.#timer = setTimeout(link.lost, OPEN_TIMEOUT, unavailable('the server did not answer in time'))
    link.start()
  }

  #online = () => { if (!this.#link) this.#connect() }

  #opened({ args: id, meta }) {
    if (typeof id !== 'string' || id === '') return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => { this.#failures = 0 }, SETTLED_AFTER)
    this.#id = id
    this.#link.token = meta?.token ?? ''
    for (const watch of this.#wanted) this.#watch(watch)
    this.#changed('open')
    this.#settleReady.resolve(this)
  }

  #lost(error) {
    const retry = this.#link.retry ?? 0 // what the server asks for is the least
    this.#endSession(error.message)
    if (FINAL.has(error.code)) return this.#close(error)
    // Full jitter, so that the pages of a server that restarts do not come back all at once.
    const jitter = Math.random() * Math.min(MAX_DELAY, FIRST_DELAY * 2 ** this.#failures++)
    this.#timer = setTimeout(this.#connect, Math.min(retry + jitter, MAX_TIMER))
    this.#changed(this.#state === 'connecting' ? 'connecting' : 'reconnecting', error)
  }

  #endSession(reason) {
    clearTimeout(this.#timer)
    this.#link?.stop()
    this.#link = null
    this.#id = ''
    this.#watches.clear()
    this.#usedIds.clear()
    for (const { reject } of this.#calls.values()) reject(unavailable(`the connection is gone: ${reason}`))
    for (const end of this.#serving.values()) end()
    this.#serving.clear()
  }

  #close(error) {
    globalThis.removeEventListener?.('online', this.#online)
    this.#changed('closed', error)
    for (const watch of this.#wanted) watch.end(error)
    this.#settleReady.reject(error ?? canceled())
    this.dispatchEvent(new CustomEvent('close', { detail: { error } }))
  }

  #changed(state, error) {
    this.#state = state
    this.dispatchEvent(new CustomEvent('state', { detail: { state, error } }))
  }

  #received(text, event = 'message') {
    const m = event === 'message' ? parseObject(text) : {}
    if (m.sub != null) this.#update(m)
    else if (m.route === 'setId' && m.callbackId == null) this.#id || this.#opened(m)
    else if (m.route) this.#serve(m)
    else if (m.callbackId == null) this.dispatchEvent(new CustomEvent('message', { detail: { data: text, event } }))
    else if (m.method === 'cancel') this.#serving.get(m.callbackId)?.()
    else if (m.error) this.#calls.get(m.callbackId)?.reject(incoming(m.error))
    else this.#calls.get(m.callbackId)?.resolve(m.args)
  }

  #write(message, refused) {
    if (!this.#id) throw unavailable('not connected')
    this.#link.write(JSON.stringify(message), refused)
  }

  // tell writes what nobody here waits for. A server that takes nothing is given up: it would else miss an answer.
  #tell(message) {
    try {
      this.#write(message)
    } catch (error) {
      if (error.code !== EXHAUSTED) throw error
      this.#lost(error)
    }
  }

  #ask(id, message, signal, timeout = Infinity) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw canceled(signal.reason)
      let timer
      const settle = (finish, value) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', aborted)
        if (this.#calls.get(id) === call) this.#calls.delete(id)
        finish(value)
      }
      const call = { resolve: value => settle(resolve, value), reject: error => settle(reject, error) }
      const abandon = error => {
        call.reject(error)
        this.#tell({ method: 'cancel', callbackId: id })
      }
      const aborted = () => abandon(canceled(signal.reason))
      const bounded = timeout <= MAX_TIMER
      this.#write({ ...message, callbackId: id, meta: bounded ? { timeout } : undefined }, call.reject)
      this.#calls.set(id, call)
      signal?.addEventListener('abort', aborted)
      const late = () => abandon(new GraphError('deadline_exceeded', `no reply in ${timeout} ms`))
      if (bounded) timer = setTimeout(late, timeout)
    })
  }

  // watch asks the present session. The route is the subscription's id where that is free: all pages that watch it
  // then get the same bytes, which the server encodes once.
  async #watch(watch) {
    const link = this.#link
    const free = !this.#usedIds.has(watch.route) && /^[\w.-]+$/.test(watch.route) && watch.route.length <= MAX_ID
    Object.assign(watch, { id: free ? watch.route : ++this.#lastId, gap: watch.begun === true })
    this.#usedIds.add(watch.id)
    this.#watches.set(watch.id, watch)
    try {
      await this.#ask(watch.id, { route: watch.route, method: 'subscribe', args: watch.options })
      watch.begun = true
      watch.agree()
    } catch (error) {
      if (link !== this.#link) return // the next session is asked
      this.#watches.delete(watch.id)
      watch.end(error)
    }
  }

  #unwatch(watch) {
    this.#wanted.delete(watch)
    if (this.#watches.delete(watch.id)) this.#tell({ method: 'cancel', callbackId: watch.id })
  }

  #update(m) {
    const watch = this.#watches.get(m.sub)
    if (!watch) {
      if (!m.error) this.#tell({ method: 'cancel', callbackId: m.sub }) // it was stopped while it began
    } else if (m.error) {
      this.#watches.delete(m.sub)
      watch.end(incoming(m.error))
    } else {
      const { gap } = watch
      Object.assign(watch, { begun: true, gap: false })
      watch.deliver(m.args, updateInfo({ ...m, gap }))
    }
  }

  // serve does what the other end asks. If the session ends meanwhile, nobody is told.
  async #serve({ route, method, args, callbackId }) {
    const link = this.#link
    const tell = message => link === this.#link && this.#tell(message)
    const answer = reply => callbackId != null && tell({ ...reply, callbackId })
    const abort = new AbortController()
    const end = () => abort.abort()
    const key = callbackId ?? abort // a post cannot be cancelled, but it ends with the session
    if (this.#serving.has(key)) return answer({ error: { code: 'already_exists', message: 'callbackId is in use' } })
    this.#serving.set(key, end)
    const release = () => this.#serving.get(key) === end && this.#serving.delete(key)
    try {
      if (method === 'subscribe' && callbackId != null) {
        const update = (value, { snapshot }) => tell({ sub: key, args: value, snapshot: snapshot || undefined })
        const watch = await this.#graph.subscribe(route, update, { snapshot: false, ...args })
        abort.signal.addEventListener('abort', () => watch.stop())
        if (abort.signal.aborted) watch.stop()
        watch.ended.then(error => release() && error && tell({ sub: key, error: outgoing(error) }))
        return answer({ args: true })
      }
      const list = Array.isArray(args) ? args : args === undefined ? [] : [args]
      const value = await this.#graph.do({ route, method, args: list }, { peer: this, signal: abort.signal })
      release()
      answer({ args: value })
    } catch (error) {
      release()
      answer({ error: outgoing(error) })
    }
  }
}

// One value goes as it is; several, or one list, go as a list of positional arguments.
const wireArgs = args => (args.length === 1 && !Array.isArray(args[0]) ? args[0] : args.length > 0 ? args : undefined)

const parseObject = text => {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

// An SSELink reads the stream with fetch, because EventSource sends no headers and gives up for good at the first
// answer that is not 200, such as the 503 of a proxy while the server restarts.
class SSELink {
  #url
  #options
  #abort = new AbortController()
  #queue = []
  #queued = 0
  #posting = false
  #watchdog
  token = ''
  retry = 0

  constructor(url, options) {
    this.#url = url
    this.#options = options
  }

  start() { this.#read().catch(error => this.lost(asGraphError(error))) }

  stop() {
    clearTimeout(this.#watchdog)
    this.#abort.abort()
  }

  write(text, refused) {
    if (text.includes('\n')) throw new GraphError('invalid_argument', 'text that goes by POST cannot hold a line feed')
    checkRoom(this.#queued, text)
    this.#queue.push({ text, refused })
    this.#queued += text.length
    if (!this.#posting) this.#postAll()
  }

  async #read() {
    this.#alive()
    const response = await this.#fetch({ headers: { Accept: 'text/event-stream' }, cache: 'no-store' })
    if (response.status === 204) throw new GraphError('canceled', 'the server has nothing to send')
    if (!response.ok) throw await refusal(response)
    const type = response.headers.get('Content-Type')
    if (!/^text\/event-stream\b/i.test(type)) throw unavailable(`the answer is ${type}, no event stream`)
    const decoder = new TextDecoder() // it drops a byte order mark, also one that two chunks share
    const stream = new EventStream(event => this.#event(event), retry => { this.retry = retry })
    const reader = response.body.getReader() // Safari's streams cannot be iterated
    for (;;) {
      const { done, value } = await reader.read()
      if (done) throw unavailable('the stream ended')
      this.#alive()
      stream.push(decoder.decode(value, { stream: true }))
    }
  }

  #event({ type, data }) {
    if (type === 'close') throw incoming(parseObject(data)) // by which the server ends a stream on purpose
    this.received(data, type)
  }

  #alive() {
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(() => this.lost(unavailable('the stream fell silent')), QUIET_TIMEOUT)
  }

  // One POST at a time keeps the messages in order; what is sent meanwhile goes with the next.
  async #postAll() {
    this.#posting = true
    try {
      await null // what is sent in one turn of the event loop goes together
      while (this.#queue.length > 0) await this.#post(this.#take())
    } catch (error) {
      this.lost(asGraphError(error))
    }
    this.#posting = false
  }

  #take() {
    let size = 0
    const rest = this.#queue.findIndex(({ text }, i) => (size += text.length) > MAX_BATCH && i > 0)
    return this.#queue.splice(0, rest < 0 ? Infinity : rest)
  }

  async #post(batch) {
    const late = setTimeout(() => this.lost(unavailable('the server did not take what was sent')), POST_TIMEOUT)
    const body = batch.map(({ text }) => text).join('\n')
    const headers = { 'Content-Type': 'application/x-ndjson', 'Graphscript-Session': this.token }
    // No redirect: it could carry the session's secret to another origin.
    const sent = this.#fetch({ method: 'POST', headers, body, redirect: 'error' })
    const response = await sent.finally(() => clearTimeout(late))
    this.#queued -= body.length - (batch.length - 1)
    if (response.ok) return
    const error = await refusal(response)
    // These are about the messages. After anything else the session is gone, and whether to come back is for the
    // next GET to find out.
    if (![400, 413, 429].includes(response.status)) throw unavailable(error.message)
    for (const { refused } of batch) refused?.(error)
  }

  async #fetch(init) {
    const { headers: own, credentials = 'same-origin' } = this.#options
    const headers = new Headers(typeof own === 'function' ? await own() : own)
    const ours = { ...init.headers, 'Graphscript-Version': '1' }
    for (const [name, value] of Object.entries(ours)) headers.set(name, value)
    return fetch(this.#url, { ...init, headers, credentials, signal: this.#abort.signal })
  }
}

// A WSLink sends each message as a text frame.
class WSLink {
  #url
  #socket
  #watchdog
  #opened = false

  constructor(url) { this.#url = url }

  start() {
    const socket = (this.#socket = new WebSocket(this.#url, 'graphscript.v1'))
    socket.onopen = () => { this.#opened = true }
    socket.onmessage = ({ data }) => {
      this.#alive()
      if (typeof data === 'string') this.received(data)
    }
    socket.onclose = async event => this.lost(this.#opened ? closeError(event) : await this.#refusal())
    this.#alive()
  }

  stop() {
    clearTimeout(this.#watchdog)
    this.#socket.onmessage = null
    this.#socket.close(1000)
  }

  write(text) {
    checkRoom(this.#socket.bufferedAmount, text)
    this.#socket.send(text)
  }

  #alive() {
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(() => {
      if (this.#opened) this.#socket.send('{"route":"ping","callbackId":0}') // no call has the id 0: any answer will do
      this.#watchdog = setTimeout(() => this.lost(unavailable('the socket fell silent')), QUIET_TIMEOUT - PROBE_AFTER)
    }, PROBE_AFTER)
  }

  // A browser does not tell with which status a handshake was refused. The same URL without the handshake does.
  async #refusal() {
    const response = await fetch(this.#url.replace(/^ws/, 'http'), { cache: 'no-store' }).catch(() => undefined)
    if ([401, 403, 404].includes(response?.status)) return refusal(response)
    return unavailable('the socket could not be opened')
  }
}

const checkRoom = (waiting, text) => {
  if (waiting > 0 && waiting + text.length > MAX_QUEUE) throw exhausted('too much waits to be sent')
}

const asGraphError = error => (error instanceof GraphError ? error : unavailable(error.message))

// refusal is the error of an HTTP answer. That of a proxy has only its status.
const refusal = async response => {
  const text = await response.text().catch(() => '')
  const { error } = parseObject(text)
  const code = STATUS_CODES[response.status] ?? (response.status < 500 ? 'invalid_argument' : 'unavailable')
  return new GraphError(code, error?.message ?? `the server answered ${response.status}`, error?.details)
}

const closeError = ({ code, reason }) =>
  new GraphError(CLOSE_CODES[code] ?? 'unavailable', reason || `the socket was closed with ${code}`)

// An EventStream reads text/event-stream as the HTML standard says, from text that is cut anywhere.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
export class EventStream {
  #onEvent
  #onRetry
  #line = '' // the beginning of a line whose end has not come yet
  #afterCR = false // whether a line feed that comes next belongs to the line end before it
  #type = ''
  #data = null // null is no data field, which makes no event
  #id = ''

  constructor(onEvent, onRetry = () => {}) {
    this.#onEvent = onEvent
    this.#onRetry = onRetry
  }

  push(text) {
    if (text === '') return
    if (this.#afterCR && text[0] === '\n') text = text.slice(1)
    this.#afterCR = text.endsWith('\r')
    const lines = text.split(/\r\n|\r|\n/)
    lines[0] = this.#line + lines[0]
    this.#line = lines.pop()
    for (const line of lines) this.#read(line)
    if (this.#line.length + (this.#data?.length ?? 0) > MAX_EVENT) throw exhausted('an event is too large')
  }

  #read(line) {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (name === 'data') this.#data = this.#data === null ? value : `${this.#data}\n${value}`
    else if (name === 'event') this.#type = value
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    else if (name === 'retry' && /^[0-9]+$/.test(value)) this.#onRetry(Number(value))
  }

  #dispatch() {
    const event = { type: this.#type || 'message', data: this.#data, id: this.#id }
    this.#type = ''
    this.#data = null
    if (event.data !== null) this.#onEvent(event)
  }
}
