// When a connection comes back, and when it does not.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { connectSSE, openSSE } from '../graph.mjs'
import { FakeSSE, code, connected, fakeTime, states, turn, until, url } from './fakes.mjs'

test('it waits longer each time, with jitter and a cap, until a session lasts', async t => {
  const { c, server, tick } = await connected(t)
  const waited = async () => {
    const before = server.streams.length
    let ms = 0
    for (; server.streams.length === before; ms += 250) await tick(250)
    return ms
  }
  const delays = []
  for (let i = 0; i < 7; i++) {
    server.stream.fail()
    await turn()
    delays.push(await waited())
  }
  assert.deepEqual(delays, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000], 'Math.random is 0.5')
  server.stream.name('short')
  await until(() => c.id === 'short')
  await tick(9_999)
  server.stream.fail()
  await turn()
  assert.equal(await waited(), 15_000, 'a session that fails at once is no success')
  server.stream.name('long')
  await until(() => c.id === 'long')
  await tick(10_000)
  server.stream.fail()
  await turn()
  assert.equal(await waited(), 500)
})

test('what the server asks for by retry is the least', async t => {
  const { server, tick } = await connected(t)
  server.stream.write('retry: 4000\n\n')
  await turn()
  server.stream.end()
  await turn()
  await tick(4_499)
  assert.equal(server.streams.length, 1)
  await tick(1)
  assert.equal(server.streams.length, 2)
})

test('it comes back at once when the browser is online again', async t => {
  const target = new EventTarget()
  globalThis.addEventListener = target.addEventListener.bind(target)
  globalThis.removeEventListener = target.removeEventListener.bind(target)
  t.after(() => {
    delete globalThis.addEventListener
    delete globalThis.removeEventListener
  })
  const { c, server, tick } = await connected(t)
  target.dispatchEvent(new Event('online'))
  await turn()
  assert.equal(server.streams.length, 1, 'a connection that lives is left alone')
  server.stream.fail()
  await turn()
  target.dispatchEvent(new Event('online'))
  await until(() => server.streams.length === 2)
  await tick(60_000)
  assert.equal(server.streams.filter(stream => !stream.aborted).length <= 1, true, 'never two streams')
  c.terminate()
  const streams = server.streams.length
  target.dispatchEvent(new Event('online'))
  await turn()
  assert.equal(server.streams.length, streams, 'a closed connection stays closed')
})

const final = [[204, 'canceled'], [401, 'unauthenticated'], [403, 'permission_denied'], [404, 'not_found']]
for (const [status, want] of final) {
  test(`it stops at ${status}`, async t => {
    const tick = fakeTime(t)
    const server = new FakeSSE(t)
    server.refuse = () => new Response(null, { status })
    const c = openSSE(url)
    const closed = new Promise(resolve => c.addEventListener('close', ({ detail }) => resolve(detail.error)))
    const waiting = assert.rejects(c.subscribe('x', () => {}), code(want))
    await assert.rejects(c.ready, code(want))
    await waiting
    assert.equal((await closed).code, want)
    assert.equal(c.state, 'closed')
    await tick(120_000)
    assert.equal(server.streams.length, 1)
    await assert.rejects(c.subscribe('x', () => {}), code('unavailable'))
  })
}

const html = { 'Content-Type': 'text/html' }
for (const [name, answer] of [
  ['500', () => new Response('oops', { status: 500 })],
  ['503', () => Response.json({ error: { code: 'unavailable', message: 'shutting down' } }, { status: 503 })],
  ['429', () => new Response(null, { status: 429 })],
  ['a page instead of a stream', () => new Response('data: {"route":"setId","args":"x"}\n\n', { headers: html })],
  ['no answer', () => { throw new TypeError('fetch failed') }],
]) {
  test(`it comes back after ${name}`, async t => {
    const tick = fakeTime(t)
    const server = new FakeSSE(t)
    server.refuse = answer
    const c = openSSE(url)
    t.after(() => c.terminate())
    const states_ = states(c)
    await until(() => states_.length === 1)
    assert.match(states_[0], /^connecting /)
    server.refuse = null
    await tick(500)
    await until(() => server.streams.length > 0)
    server.stream.name('id-1')
    await c.ready
  })
}

test('a close event says whether to come back', async t => {
  const { c, server, tick } = await connected(t)
  server.stream.write('event: close\ndata: {"code":"unavailable","message":"shutting down"}\n\n')
  await until(() => c.state === 'reconnecting')
  await tick(500)
  server.stream.name('id-2')
  await until(() => c.id === 'id-2')
  server.stream.write('event: close\ndata: {"code":"unauthenticated","message":"expired"}\n\n')
  await until(() => c.state === 'closed')
  await tick(60_000)
  assert.equal(server.streams.length, 2)
})

test('a silent stream is given up, one with comments is not', async t => {
  const { c, server, tick } = await connected(t)
  for (let i = 0; i < 4; i++) {
    await tick(44_000)
    server.stream.write(':\n\n')
    await turn()
  }
  assert.equal(server.streams.length, 1)
  await tick(44_999)
  assert.equal(c.state, 'open')
  await tick(1)
  assert.equal(c.state, 'reconnecting')
  assert.equal(server.streams[0].aborted, true)
})

test('a stream that does not name a session is given up', async t => {
  const tick = fakeTime(t)
  const server = new FakeSSE(t)
  const c = openSSE(url)
  t.after(() => c.terminate())
  await until(() => server.streams.length === 1)
  server.stream.write(': ok\n\n')
  await tick(15_000)
  assert.equal(server.streams[0].aborted, true)
  await tick(500)
  assert.equal(server.streams.length, 2)
})

test('a signal ends the connection, also while it is being made', async t => {
  const tick = fakeTime(t)
  const server = new FakeSSE(t)
  const control = new AbortController()
  const opening = assert.rejects(connectSSE(url, { signal: control.signal }), code('canceled'))
  await until(() => server.streams.length === 1)
  control.abort()
  await opening
  assert.equal(server.streams[0].aborted, true)
  await assert.rejects(connectSSE(url, { signal: control.signal }), code('canceled'))
  await tick(60_000)
  assert.equal(server.streams.length, 1)
})
