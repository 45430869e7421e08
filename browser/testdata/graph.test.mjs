// The page's own graph.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Graph, GraphError } from '../graph.mjs'
import { reported } from './fakes.mjs'

const code = want => error => error instanceof GraphError && error.code === want

test('runs functions and reads state', async () => {
  const g = new Graph({ add: (a, b) => a + b, later: async x => x, title: 'home', none: null })
  assert.equal(await g.run('add', 2, 3), 5)
  assert.equal(await g.run('later', 'x'), 'x')
  assert.equal(await g.run('title'), 'home')
  assert.equal(await g.run('none'), null)
  await assert.rejects(g.run('title', 'other'), code('permission_denied'))
  await assert.rejects(g.run('other'), code('not_found'))
})

test('only what was added is a route', async () => {
  const g = new Graph(Object.create({ inherited: () => 1 }))
  for (const route of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'inherited', '']) {
    await assert.rejects(g.run(route), code('not_found'), route)
  }
  g.add('__proto__', () => 'mine')
  assert.equal(await g.run('__proto__'), 'mine')
  assert.throws(() => g.add('__proto__', () => 'again'), code('already_exists'))
})

test('state and results reach who watches', async () => {
  const g = new Graph({ count: 1, double: x => (x === 0 ? undefined : x * 2) })
  const seen = []
  const watches = [
    await g.subscribe('count', (value, { snapshot }) => seen.push(['count', value, snapshot])),
    await g.subscribe('double', (value, { snapshot }) => seen.push(['double', value, snapshot])),
  ]
  g.set('count', 2)
  await g.run('double', 4)
  await g.run('double', 0)
  assert.deepEqual(seen, [['count', 1, true], ['count', 2, false], ['double', 8, false]])
  watches[0].stop()
  g.set('count', 3)
  assert.equal(await g.run('count'), 3)
  assert.equal(seen.length, 3)
  assert.equal(await watches[0].ended, undefined)
  g.remove('double')
  assert.equal((await watches[1].ended).code, 'not_found')
  await assert.rejects(g.run('double', 1), code('not_found'))
  assert.throws(() => g.set('double', 1), code('not_found'))
})

test('a callback that throws keeps nobody from the value', async t => {
  const errors = reported(t)
  const g = new Graph({ count: 1 })
  const seen = []
  await g.subscribe('count', () => { throw new Error('mistake') })
  await g.subscribe('count', value => seen.push(value))
  g.set('count', 2)
  assert.deepEqual(seen, [1, 2])
  assert.equal(errors.length, 2)
})

test('a method is a route below the node', async () => {
  const g = new Graph({ math: x => x, 'math.square': x => x * x })
  assert.equal(await g.do({ route: 'math', method: 'square', args: [3] }), 9)
  assert.equal(await g.do({ route: 'math', method: 'other', args: [3] }), 3)
})
