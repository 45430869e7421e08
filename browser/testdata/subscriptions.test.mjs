// Subscriptions, within one session and across a loss.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { code, connected, message, reported, states, turn, until } from './fakes.mjs'

test('subscribes, gets updates, and stops', async t => {
  const { c, server } = await connected(t)
  const seen = []
  const keep = (value, info) => seen.push([value, info])
  const subscribing = c.subscribe('system.cpu', keep, { lag: { policy: 'conflate' } })
  const args = { snapshot: true, lag: { policy: 'conflate' } }
  const want = { route: 'system.cpu', method: 'subscribe', args, callbackId: 'system.cpu' }
  assert.deepEqual(await message(server, 1), want)
  server.stream.message({ sub: 'system.cpu', args: 1, snapshot: true })
  server.stream.message({ args: true, callbackId: 'system.cpu' })
  const watch = await subscribing
  server.stream.message({ sub: 'system.cpu', args: 2, id: 'e-2', lost: 3 })
  server.stream.message({ sub: 'system.cpu' })
  await until(() => seen.length === 3)
  assert.deepEqual(seen, [
    [1, { lost: 0, position: '', snapshot: true, gap: false }],
    [2, { lost: 3, position: 'e-2', snapshot: false, gap: false }],
    [undefined, { lost: 0, position: '', snapshot: false, gap: false }],
  ])
  watch.stop()
  watch.stop()
  assert.deepEqual(await message(server, 2), { method: 'cancel', callbackId: 'system.cpu' })
  assert.equal(await watch.ended, undefined)

  // An update on its way to the first subscription must not reach a second one.
  const again = []
  c.subscribe('system.cpu', value => again.push(value), { snapshot: false }).catch(() => {})
  const { callbackId, args: options } = await message(server, 3)
  assert.equal(typeof callbackId, 'number')
  assert.deepEqual(options, { snapshot: false })
  server.stream.message({ sub: 'system.cpu', args: 'stale' })
  server.stream.message({ sub: callbackId, args: 'fresh' })
  await until(() => again.length === 1)
  assert.deepEqual(again, ['fresh'])
  assert.deepEqual(await message(server, 4), { method: 'cancel', callbackId: 'system.cpu' }, 'nobody wants the update')
  assert.equal(seen.length, 3)
})

test('routes that cannot be an id get a number', async t => {
  const { c, server } = await connected(t)
  for (const route of ['x'.repeat(101), 'é', 'a"b']) c.subscribe(route, () => {}).catch(() => {})
  await message(server, 3)
  assert.deepEqual(server.messages.map(m => typeof m.callbackId), ['number', 'number', 'number'])
})

test('a subscription that is refused rejects; one that is ended later says why', async t => {
  const { c, server } = await connected(t)
  const refused = assert.rejects(c.subscribe('secret', () => {}), code('not_found'))
  await message(server, 1)
  server.stream.message({ callbackId: 'secret', error: { code: 'not_found' } })
  await refused
  const subscribing = c.subscribe('news', () => {})
  await message(server, 2)
  server.stream.message({ args: true, callbackId: 'news' })
  const watch = await subscribing
  server.stream.message({ sub: 'news', error: { code: 'unavailable', message: 'removed' } })
  assert.equal((await watch.ended).message, 'removed')
  await turn()
  assert.equal(server.messages.length, 2, 'what the server ended is not cancelled')
})

test('a signal stops a subscription, also one that is not agreed yet', async t => {
  const { c, server } = await connected(t)
  const control = new AbortController()
  const subscribing = assert.rejects(c.subscribe('a', () => {}, { signal: control.signal }), code('canceled'))
  await message(server, 1)
  control.abort()
  await subscribing
  assert.deepEqual(await message(server, 2), { method: 'cancel', callbackId: 'a' })
  await assert.rejects(c.subscribe('b', () => {}, { signal: control.signal }), code('canceled'))
})

test('a lost connection comes back as a new session with its subscriptions', async t => {
  const { c, server, tick } = await connected(t)
  const states_ = states(c)
  const seen = []
  const subscribing = c.subscribe('count', (value, info) => seen.push([value, info.snapshot, info.gap]))
  await message(server, 1)
  server.stream.message({ sub: 'count', args: 1, snapshot: true })
  server.stream.message({ args: true, callbackId: 'count' })
  const watch = await subscribing
  const pending = assert.rejects(c.run('slow'), code('unavailable'))
  await message(server, 2)
  server.stream.fail()
  await pending
  assert.deepEqual(states_, ['reconnecting unavailable'])
  assert.equal(c.id, '')
  await assert.rejects(c.run('x'), code('unavailable'), 'without a session nothing is sent')
  assert.throws(() => c.post('x'), code('unavailable'))
  assert.throws(() => c.send('x'), code('unavailable'))
  const between = c.subscribe('other', () => {})
  await tick(500)
  assert.equal(server.streams.length, 2)
  server.stream.name('id-2')
  const [count, other] = [await message(server, 3), await message(server, 4)]
  assert.deepEqual([count.callbackId, other.callbackId], ['count', 'other'])
  assert.equal(server.posts.at(-1).headers.get('graphscript-session'), 'token-id-2')
  assert.deepEqual(states_, ['reconnecting unavailable', 'open'])
  server.stream.message({ sub: 'count', args: 5, snapshot: true })
  server.stream.message({ sub: 'count', args: 6 })
  server.stream.message({ args: true, callbackId: 'other' })
  await between
  assert.deepEqual(seen, [[1, true, false], [5, true, true], [6, false, false]])
  watch.stop()
  assert.deepEqual(await message(server, 5), { method: 'cancel', callbackId: 'count' })
})

test('a subscription that is not agreed when the session is lost is asked for again', async t => {
  const { c, server, tick } = await connected(t)
  const subscribing = c.subscribe('count', () => {})
  await message(server, 1)
  server.stream.end()
  await tick(500)
  server.stream.name('id-2')
  await message(server, 2)
  server.stream.message({ args: true, callbackId: 'count' })
  const watch = await subscribing
  server.stream.fail()
  await tick(1_000)
  server.stream.name('id-3')
  const { callbackId } = await message(server, 3)
  server.stream.message({ callbackId, error: { code: 'permission_denied' } })
  assert.equal((await watch.ended).code, 'permission_denied', 'a later session may refuse')
})

test('a subscription that is stopped twice stops no other', async t => {
  const { c, server, tick } = await connected(t)
  const subscribing = c.subscribe('count', () => {})
  await message(server, 1)
  server.stream.message({ args: true, callbackId: 'count' })
  const watch = await subscribing
  server.stream.end()
  await turn()
  watch.stop()
  await tick(500)
  server.stream.name('id-2')
  await until(() => c.id === 'id-2')
  const seen = []
  c.subscribe('count', value => seen.push(value)).catch(() => {})
  assert.equal((await message(server, 2)).callbackId, 'count', 'the id is free again in a new session')
  watch.stop()
  server.stream.message({ sub: 'count', args: 1 })
  await until(() => seen.length === 1)
  assert.equal(server.messages.length, 2)
})

test('a callback that throws does not end the connection', async t => {
  const errors = reported(t)
  const { c, server } = await connected(t)
  const seen = []
  c.subscribe('count', value => {
    seen.push(value)
    throw new Error('mistake')
  })
  await message(server, 1)
  server.stream.message({ args: true, callbackId: 'count' })
  server.stream.message({ sub: 'count', args: 1 })
  server.stream.message({ sub: 'count', args: 2 })
  await until(() => seen.length === 2)
  assert.equal(c.state, 'open')
  assert.equal(errors.length, 2)
})
