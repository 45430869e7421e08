// Opening and reading a stream.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { connectSSE, openSSE } from '../graph.mjs'
import { FakeSSE, connected, fakeTime, message, turn, until, url } from './fakes.mjs'

test('opens with our headers and waits for the name of the session', async t => {
  const tick = fakeTime(t)
  const server = new FakeSSE(t)
  const opening = connectSSE(url, { headers: async () => ({ Authorization: 'Bearer x' }) })
  await until(() => server.streams.length === 1)
  const { headers } = server.stream
  assert.equal(server.stream.url, url)
  assert.equal(headers.get('accept'), 'text/event-stream')
  assert.equal(headers.get('graphscript-version'), '1')
  assert.equal(headers.get('authorization'), 'Bearer x')
  server.stream.write(': ok\nretry: 2000\n\n')
  for (const args of ['', 7, null, undefined]) server.stream.message({ route: 'setId', args })
  await turn()
  let open = false
  opening.then(() => { open = true })
  await turn()
  assert.equal(open, false, 'not open before it is named')
  server.stream.name('id-1')
  const c = await opening
  assert.equal(c.id, 'id-1')
  assert.equal(c.state, 'open')
  c.terminate()
  assert.equal(c.state, 'closed')
  assert.equal(server.stream.aborted, true)
  await tick(60_000)
  assert.equal(server.streams.length, 1, 'terminate is for good')
})

test('reads messages that are cut anywhere, after a byte order mark', async t => {
  const tick = fakeTime(t)
  const server = new FakeSSE(t)
  const c = openSSE(url)
  t.after(() => c.terminate())
  await until(() => server.streams.length === 1)
  const bytes = new TextEncoder().encode('\ufeffdata: {"route":"setId","args":"é\u{1f642}"}\r\n\r\n')
  for (const byte of bytes) server.stream.write(Uint8Array.of(byte))
  await c.ready
  assert.equal(c.id, 'é\u{1f642}')
  await tick(0)
})

test('what is no message is an event', async t => {
  const { c, server } = await connected(t)
  const seen = []
  c.addEventListener('message', ({ detail }) => seen.push(detail))
  server.stream.write('data: "Hello"\n\ndata: plain\n\n')
  server.stream.write('event: test\ndata: {"route":"setId","args":"evil"}\n\ndata: [1]\n\n')
  await until(() => seen.length === 4)
  assert.deepEqual(seen, [
    { data: '"Hello"', event: 'message' },
    { data: 'plain', event: 'message' },
    { data: '{"route":"setId","args":"evil"}', event: 'test' },
    { data: '[1]', event: 'message' },
  ])
  server.stream.name('other')
  await turn()
  assert.equal(c.id, 'id-1', 'a session is named once')
})
