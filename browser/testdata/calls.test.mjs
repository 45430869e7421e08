// Calls, and the POSTs that carry them.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openSSE } from '../graph.mjs'
import { code, connected, message, states, turn, until, url } from './fakes.mjs'

test('runs a route and gets its value, its failure, or no value', async t => {
  const { c, server } = await connected(t)
  const calls = [c.run('math.add', 2, 3), c.run('fail'), c.run('none', { a: 1 }), c.run('list', [1, 2])]
  const sent = [await message(server, 1), await message(server, 2), await message(server, 3), await message(server, 4)]
  assert.deepEqual(sent.map(({ route, args, meta }) => ({ route, args, meta })), [
    { route: 'math.add', args: [2, 3], meta: { timeout: 10_000 } },
    { route: 'fail', args: undefined, meta: { timeout: 10_000 } },
    { route: 'none', args: { a: 1 }, meta: { timeout: 10_000 } },
    { route: 'list', args: [[1, 2]], meta: { timeout: 10_000 } },
  ])
  assert.equal(new Set(sent.map(m => m.callbackId)).size, 4)
  assert.equal(server.posts.length, 1, 'what is sent in one turn goes in one POST')
  const [post] = server.posts
  assert.equal(post.url, url)
  assert.equal(post.redirect, 'error')
  assert.equal(post.headers.get('graphscript-session'), 'token-id-1')
  assert.equal(post.headers.get('content-type'), 'application/x-ndjson')

  server.stream.message({ callbackId: sent[2].callbackId })
  server.stream.message({ args: { sum: 5 }, callbackId: sent[0].callbackId })
  server.stream.message({ callbackId: sent[1].callbackId, error: { code: 'aborted', message: 'lost', details: [1] } })
  server.stream.message({ args: 'again', callbackId: sent[0].callbackId })
  server.stream.message({ args: null, callbackId: sent[3].callbackId })
  assert.deepEqual(await calls[0], { sum: 5 })
  await assert.rejects(calls[1], error => code('aborted')(error) && error.message === 'lost' && error.details[0] === 1)
  assert.equal(await calls[2], undefined)
  assert.equal(await calls[3], null)
})

test('a reply counts only for a call of this connection', async t => {
  const { c, server } = await connected(t)
  const other = openSSE(url)
  t.after(() => other.terminate())
  await until(() => server.streams.length === 2)
  server.stream.name('id-2')
  await other.ready
  const call = c.run('mine')
  const { callbackId } = await message(server, 1)
  server.stream.message({ args: 'forged', callbackId })
  await turn()
  server.streams[0].message({ args: 'true', callbackId: String(callbackId) })
  server.streams[0].message({ args: 'mine', callbackId })
  assert.equal(await call, 'mine')
})

test('a call ends when its time is up or its signal says so, and the server is told', async t => {
  const { c, server, tick } = await connected(t)
  const late = c.request({ route: 'slow' }, { timeout: 500 })
  const refused = assert.rejects(late, code('deadline_exceeded'))
  const first = await message(server, 1)
  assert.equal(first.meta.timeout, 500)
  await tick(499)
  assert.equal(server.messages.length, 1)
  await tick(1)
  await refused
  assert.deepEqual(await message(server, 2), { method: 'cancel', callbackId: first.callbackId })

  const control = new AbortController()
  const given = c.request({ route: 'slow' }, { signal: control.signal, timeout: Infinity })
  const third = await message(server, 3)
  assert.equal(third.meta, undefined)
  control.abort(new Error('enough'))
  await assert.rejects(given, error => code('canceled')(error) && error.cause.message === 'enough')
  assert.deepEqual(await message(server, 4), { method: 'cancel', callbackId: third.callbackId })
  await assert.rejects(c.request({ route: 'slow' }, { signal: control.signal }), code('canceled'))
  await turn()
  assert.equal(server.messages.length, 4, 'nothing is sent for a signal that was aborted before')
})

test('POSTs keep the order and wait for each other', async t => {
  const { c, server } = await connected(t)
  const release = server.holdPosts()
  for (let i = 0; i < 3; i++) {
    c.post('note', i)
    await turn()
  }
  c.post('note', 3)
  c.send('plain text')
  assert.throws(() => c.send('two\nlines'), code('invalid_argument'))
  await turn()
  assert.deepEqual(server.posts.map(post => post.body), ['{"route":"note","args":0}'])
  release()
  await until(() => server.posts.length === 2)
  const lines = ['{"route":"note","args":1}', '{"route":"note","args":2}', '{"route":"note","args":3}', 'plain text']
  assert.deepEqual(server.posts[1].body.split('\n'), lines)
})

test('a POST is bounded, and so is what waits', async t => {
  const { c, server } = await connected(t)
  const release = server.holdPosts()
  const big = 'x'.repeat(200 << 10)
  c.post('first')
  await turn()
  for (let i = 0; i < 5; i++) c.post('note', big)
  assert.throws(() => c.post('note', big), code('resource_exhausted'))
  await assert.rejects(c.run('note', big), code('resource_exhausted'))
  release()
  const releaseRest = server.holdPosts()
  await until(() => server.posts.length === 2)
  assert.throws(() => c.post('note', big), code('resource_exhausted'), 'what is under way still waits')
  releaseRest()
  await until(() => server.messages.length === 6)
  assert.deepEqual(server.posts.map(post => post.body.split('\n').length), [1, 1, 1, 1, 1, 1])
  await turn()
  c.post('note', big)
  await message(server, 7)
  c.post('note', 'x'.repeat(3 << 20))
  await until(() => server.posts.length === 8, 'one message may be of any size when nothing waits')
})

test('a POST that is refused fails its calls and no others', async t => {
  const { c, server } = await connected(t)
  const states_ = states(c)
  const before = c.run('slow')
  await message(server, 1)
  const error = { code: 'resource_exhausted', message: 'body over 1' }
  server.refuse = init => init.method === 'POST' && Response.json({ error }, { status: 429 })
  await assert.rejects(c.run('big'), error => code('resource_exhausted')(error) && error.message === 'body over 1')
  server.refuse = null
  server.stream.message({ args: 1, callbackId: server.messages[0].callbackId })
  assert.equal(await before, 1)
  assert.deepEqual(states_, [])
})

test('a POST to a session that is gone leads to a new one', async t => {
  const { c, server, tick } = await connected(t)
  const states_ = states(c)
  const error = { code: 'not_found', message: 'no such session' }
  server.refuse = init => init.method === 'POST' && Response.json({ error }, { status: 404 })
  await assert.rejects(c.run('x'), code('unavailable'))
  assert.deepEqual(states_, ['reconnecting unavailable'])
  server.refuse = null
  await tick(500)
  server.stream.name('id-2')
  await until(() => c.id === 'id-2')
})

test('a POST that nobody takes ends the session', async t => {
  const { c, server, tick } = await connected(t)
  server.holdPosts()
  const call = assert.rejects(c.request({ route: 'x' }, { timeout: Infinity }), code('unavailable'))
  await turn()
  await tick(29_999)
  assert.equal(c.state, 'open')
  await tick(1)
  await call
  assert.equal(c.state, 'reconnecting')
})
