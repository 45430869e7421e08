// What is different over a WebSocket.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Graph, GraphError, connectWS, openWS } from '../graph.mjs'
import { FakeSSE, fakeTime, fakeWebSocket, states, turn, until } from './fakes.mjs'

const code = want => error => error instanceof GraphError && error.code === want

const connected = async (t, options = {}) => {
  const tick = fakeTime(t)
  const sockets = fakeWebSocket(t)
  const c = openWS('https://server.test/app/ws', options)
  t.after(() => c.terminate())
  sockets[0].name('id-1')
  await c.ready
  return { c, sockets, tick }
}

test('opens with our subprotocol, and each message is a frame', async t => {
  fakeTime(t)
  const sockets = fakeWebSocket(t)
  const opening = connectWS('http://server.test:8080/ws', { graph: new Graph({ add: (a, b) => a + b }) })
  await until(() => sockets.length === 1)
  const [socket] = sockets
  assert.equal(socket.url, 'ws://server.test:8080/ws')
  assert.equal(socket.protocol, 'graphscript.v1')
  socket.name('id-1')
  const c = await opening
  const call = c.run('math.add', 1, 2)
  await until(() => socket.sent.length === 1)
  socket.message({ args: 3, callbackId: socket.sent[0].callbackId })
  assert.equal(await call, 3)
  socket.message({ route: 'add', args: [2, 3], callbackId: 9 })
  await until(() => socket.sent.length === 2)
  assert.deepEqual(socket.sent[1], { args: 5, callbackId: 9 })
  c.terminate()
  assert.equal(socket.closedWith, 1000)
})

test('https becomes wss', async t => {
  const { sockets } = await connected(t)
  assert.equal(sockets[0].url, 'wss://server.test/app/ws')
})

const closeCodes = { 1000: 'closed', 1008: 'closed', 1001: 'reconnecting', 1006: 'reconnecting', 1013: 'reconnecting' }
for (const [close, state] of Object.entries(closeCodes)) {
  test(`after close code ${close} it is ${state}`, async t => {
    const { c, sockets, tick } = await connected(t)
    const call = assert.rejects(c.run('slow'), code('unavailable'))
    sockets[0].end(Number(close), 'because')
    await call
    assert.equal(c.state, state)
    await tick(500)
    assert.equal(sockets.length, state === 'closed' ? 1 : 2)
  })
}

test('a handshake that is refused for good is not tried again', async t => {
  const tick = fakeTime(t)
  const http = new FakeSSE(t)
  const sockets = fakeWebSocket(t)
  http.refuse = () => Response.json({ error: { code: 'unauthenticated', message: 'no cookie' } }, { status: 401 })
  const c = openWS('http://server.test/ws')
  const states_ = states(c)
  sockets[0].end()
  await assert.rejects(c.ready, error => code('unauthenticated')(error) && error.message === 'no cookie')
  assert.equal(http.streams[0].url, 'http://server.test/ws')
  assert.deepEqual(states_, ['closed unauthenticated'])
  await tick(60_000)
  assert.equal(sockets.length, 1)
})

for (const [name, answer] of [
  ['for now', () => new Response(null, { status: 503 })],
  ['by what answers other requests', () => new Response('no handshake', { status: 400 })],
  ['by nobody', () => { throw new TypeError('fetch failed') }],
]) {
  test(`a handshake that is refused ${name} is tried again`, async t => {
    const tick = fakeTime(t)
    const http = new FakeSSE(t)
    const sockets = fakeWebSocket(t)
    http.refuse = answer
    const c = openWS('http://server.test/ws')
    t.after(() => c.terminate())
    const states_ = states(c)
    sockets[0].end()
    await until(() => states_.length === 1)
    assert.deepEqual(states_, ['connecting unavailable'])
    await tick(500)
    sockets[1].name('id-1')
    await c.ready
  })
}

test('a silent socket is asked for a sign of life, and given up without one', async t => {
  const { c, sockets, tick } = await connected(t)
  await tick(29_999)
  assert.deepEqual(sockets[0].sent, [])
  await tick(1)
  assert.deepEqual(sockets[0].sent, [{ route: 'ping', callbackId: 0 }])
  sockets[0].message({ args: 'pong', callbackId: 0 })
  await tick(30_000)
  assert.equal(sockets[0].sent.length, 2)
  await tick(14_999)
  assert.equal(c.state, 'open')
  await tick(1)
  assert.equal(c.state, 'reconnecting')
  assert.equal(sockets[0].closedWith, 1000)
})

test('what waits in the socket is bounded', async t => {
  const { c, sockets } = await connected(t)
  sockets[0].bufferedAmount = 1 << 20
  assert.throws(() => c.post('note', 'x'), code('resource_exhausted'))
  await assert.rejects(c.run('note'), code('resource_exhausted'))
  assert.equal(c.state, 'open')
  sockets[0].bufferedAmount = 0
  c.post('note', 'x')
  assert.deepEqual(sockets[0].sent, [{ route: 'note', args: 'x' }])
})

test('frames that are late, binary or of an old socket are ignored', async t => {
  const { c, sockets, tick } = await connected(t)
  const seen = []
  c.addEventListener('message', ({ detail }) => seen.push(detail.data))
  sockets[0].onmessage({ data: new ArrayBuffer(8) })
  sockets[0].message('text')
  sockets[0].end(1006)
  await tick(500)
  const late = sockets[0].onmessage
  assert.equal(late, null)
  sockets[0].end(1000)
  await turn()
  assert.equal(c.state, 'reconnecting', 'an old socket says nothing about the new one')
  sockets[1].name('id-2')
  assert.equal(c.id, 'id-2')
  assert.deepEqual(seen, ['text'])
})
