// The page as the server sees it: a graph.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Graph, GraphError } from '../graph.mjs'
import { connected, message, reported, turn, until } from './fakes.mjs'

test('the server calls the page', async t => {
  const errors = reported(t)
  let context
  const graph = new Graph({
    add: (a, b) => a + b,
    count: (...args) => args.length,
    same: x => x,
    nothing: () => {},
    later: async x => `later ${x}`,
    refuse: () => { throw new GraphError('failed_precondition', 'not now', { wait: 1 }) },
    breaks: () => { throw new Error('secret') },
    cycle: () => { const x = {}; x.x = x; return x },
    context() { context = this },
    title: 'home',
  })
  const { c, server } = await connected(t, { graph })
  const ask = async (m, callbackId) => {
    const n = server.messages.length
    server.stream.message({ ...m, callbackId })
    return message(server, n + 1)
  }
  assert.deepEqual(await ask({ route: 'add', args: [2, 3] }, 1), { args: 5, callbackId: 1 })
  assert.deepEqual(await ask({ route: 'count' }, 2), { args: 0, callbackId: 2 })
  assert.deepEqual(await ask({ route: 'count', args: null }, 3), { args: 1, callbackId: 3 })
  assert.deepEqual(await ask({ route: 'same', args: { a: [1] } }, '0.5'), { args: { a: [1] }, callbackId: '0.5' })
  assert.deepEqual(await ask({ route: 'same', args: [[1, 2]] }, 0.25), { args: [1, 2], callbackId: 0.25 })
  assert.deepEqual(await ask({ route: 'nothing' }, 4), { callbackId: 4 })
  assert.deepEqual(await ask({ route: 'later', args: 'x' }, 5), { args: 'later x', callbackId: 5 })
  assert.deepEqual(await ask({ route: 'title' }, 6), { args: 'home', callbackId: 6 })
  const refusal = { code: 'failed_precondition', message: 'not now', details: { wait: 1 } }
  assert.deepEqual(await ask({ route: 'refuse' }, 7), { error: refusal, callbackId: 7 })
  assert.equal(errors.length, 0)
  assert.deepEqual(await ask({ route: 'breaks' }, 8), { error: { code: 'internal' }, callbackId: 8 })
  assert.deepEqual(await ask({ route: 'cycle' }, 9), { error: { code: 'internal' }, callbackId: 9 })
  assert.equal(errors.length, 2)
  for (const route of ['constructor', '__proto__', 'toString', 'none']) {
    assert.equal((await ask({ route }, 10)).error.code, 'not_found', route)
  }
  server.stream.message({ route: 'context' })
  await until(() => context)
  assert.equal(context.peer, c)
  server.stream.message({ route: 'none' })
  await turn()
  assert.equal(server.messages.length, 15, 'a post is not answered')
})

test('the server cancels a call, and the end of a session ends what it asked for', async t => {
  const signals = []
  const graph = new Graph({
    wait() {
      signals.push(this.signal)
      return new Promise(resolve => this.signal.addEventListener('abort', () => resolve('ended')))
    },
  })
  const { c, server, tick } = await connected(t, { graph })
  server.stream.message({ route: 'wait', callbackId: 1 })
  server.stream.message({ route: 'wait', callbackId: 1 })
  const inUse = { code: 'already_exists', message: 'callbackId is in use' }
  assert.deepEqual(await message(server, 1), { error: inUse, callbackId: 1 })
  server.stream.message({ method: 'cancel', callbackId: 1 })
  assert.deepEqual(await message(server, 2), { args: 'ended', callbackId: 1 })
  server.stream.message({ route: 'wait', callbackId: 1 })
  server.stream.message({ route: 'wait' })
  await until(() => signals.length === 3)
  server.stream.end()
  await until(() => c.state === 'reconnecting')
  assert.deepEqual(signals.map(signal => signal.aborted), [true, true, true])
  await tick(500)
  server.stream.name('id-2')
  await until(() => c.id === 'id-2')
  await turn()
  assert.equal(server.messages.length, 2, 'an answer is not sent to another session')
})

test('an answer that comes too late goes to no other session', async t => {
  const settle = []
  const graph = new Graph({ wait: x => new Promise(resolve => settle.push(() => resolve(x))) })
  const { c, server, tick } = await connected(t, { graph })
  server.stream.message({ route: 'wait', args: 'old', callbackId: 1 })
  await until(() => settle.length === 1)
  server.stream.end()
  await tick(500)
  server.stream.name('id-2')
  await until(() => c.id === 'id-2')
  server.stream.message({ route: 'wait', args: 'new', callbackId: 1 })
  await until(() => settle.length === 2, 'the callbackId is free in a new session')
  settle[0]()
  await turn()
  assert.deepEqual(server.messages, [])
  settle[1]()
  assert.deepEqual(await message(server, 1), { args: 'new', callbackId: 1 })
})

test('the server watches the page', async t => {
  const graph = new Graph({ count: 1, double: x => x * 2 })
  const { server } = await connected(t, { graph })
  server.stream.message({ route: 'count', method: 'subscribe', args: { snapshot: true }, callbackId: 'count' })
  assert.deepEqual(await message(server, 1), { sub: 'count', args: 1, snapshot: true })
  assert.deepEqual(await message(server, 2), { args: true, callbackId: 'count' })
  graph.set('count', 2)
  assert.deepEqual(await message(server, 3), { sub: 'count', args: 2 })
  server.stream.message({ route: 'double', method: 'subscribe', callbackId: 7 })
  assert.deepEqual(await message(server, 4), { args: true, callbackId: 7 })
  await graph.run('double', 4)
  assert.deepEqual(await message(server, 5), { sub: 7, args: 8 })
  server.stream.message({ method: 'cancel', callbackId: 'count' })
  await turn()
  graph.set('count', 3)
  graph.remove('double')
  assert.equal((await message(server, 6)).error.code, 'not_found')
  server.stream.message({ route: 'none', method: 'subscribe', callbackId: 8 })
  assert.equal((await message(server, 7)).error.code, 'not_found')
  server.stream.message({ route: 'count', method: 'subscribe', args: { input: true }, callbackId: 9 })
  assert.equal((await message(server, 8)).error.code, 'unimplemented')
})

test('a subscription that is cancelled in the same breath does not begin', async t => {
  const graph = new Graph({ count: 1 })
  const { server } = await connected(t, { graph })
  const events = ['{"route":"count","method":"subscribe","callbackId":1}', '{"method":"cancel","callbackId":1}']
  server.stream.write(events.map(m => `data: ${m}\n\n`).join(''))
  await message(server, 1)
  graph.set('count', 2)
  await turn()
  assert.equal(server.messages.length, 1)
})

test('a server that takes no answers is given up', async t => {
  const graph = new Graph({ count: 1 })
  const { c, server } = await connected(t, { graph })
  server.stream.message({ route: 'count', method: 'subscribe', callbackId: 1 })
  await message(server, 1)
  server.holdPosts()
  for (let i = 0; i < 20 && c.state === 'open'; i++) {
    graph.set('count', 'x'.repeat(100 << 10))
    await turn()
  }
  assert.equal(c.state, 'reconnecting')
})
