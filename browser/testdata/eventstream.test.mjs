// The format of event streams. Cases are from the HTML standard, section 9.2.6.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { EventStream, GraphError } from '../graph.mjs'

const read = chunks => {
  const events = []
  const retries = []
  const stream = new EventStream(event => events.push(event), retry => retries.push(retry))
  for (const chunk of chunks) stream.push(chunk)
  return { events, retries }
}
const event = (data, type = 'message', id = '') => ({ type, data, id })

const cases = [
  ['one event', 'data: a\n\n', [event('a')]],
  ['a space after the colon is optional, and only one is taken', 'data:a\n\ndata:  b\n\n', [event('a'), event(' b')]],
  ['carriage returns', 'data: a\r\rdata: b\r\r', [event('a'), event('b')]],
  ['both', 'data: a\r\ndata: b\r\n\r\n', [event('a\nb')]],
  ['line ends of all kinds in one event', 'data: a\rdata: b\ndata: c\r\n\n', [event('a\nb\nc')]],
  ['several lines', 'data: YHOO\ndata: +2\ndata: 10\n\n', [event('YHOO\n+2\n10')]],
  ['empty data fields', 'data\n\ndata\ndata\n\ndata:', [event(''), event('\n')]],
  ['comments', ': test\n\n:\ndata: a\n:x\n\n', [event('a')]],
  ['type', 'event: add\ndata: 7\n\ndata: 8\n\n', [event('7', 'add'), event('8')]],
  ['a type without data is no event, and is forgotten', 'event: add\n\ndata: 1\n\n', [event('1')]],
  [
    'the id stays until it changes', 'id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n',
    [event('a', 'message', '1'), event('b', 'message', '1'), event('c')],
  ],
  ['an id with a zero byte is no id', 'id: 1\nid: 2\0\ndata: a\n\n', [event('a', 'message', '1')]],
  ['unknown fields', 'foo: bar\ndata: a\nDATA: b\n data: c\n\n', [event('a')]],
  ['an event that does not end is none', 'data: a\n\ndata: b\n', [event('a')]],
  ['a colon in the value', 'data: a:b: c\n\n', [event('a:b: c')]],
  ['beyond the basic plane', 'data: \u{1f642}é\n\n', [event('\u{1f642}é')]],
]

for (const [name, text, want] of cases) {
  test(name, () => {
    assert.deepEqual(read([text]).events, want, 'whole')
    assert.deepEqual(read([...text]).events, want, 'one character at a time')
    for (let i = 0; i <= text.length; i++) {
      assert.deepEqual(read([text.slice(0, i), '', text.slice(i)]).events, want, `cut at ${i}`)
    }
  })
}

test('retry takes digits only', () => {
  assert.deepEqual(read(['retry: 1500\nretry: 1e3\nretry: -1\nretry:\nretry: 2 \nretry: 007\n']).retries, [1500, 7])
})

test('an event that does not end is not kept for ever', () => {
  const stream = new EventStream(() => {})
  const chunk = 'x'.repeat(1 << 20)
  stream.push('data: ')
  assert.throws(() => {
    for (let i = 0; i < 64; i++) stream.push(chunk)
  }, error => error instanceof GraphError && error.code === 'resource_exhausted')
})

test('many lines without an end are not kept for ever', () => {
  const stream = new EventStream(() => {})
  const chunk = `data: ${'x'.repeat(1 << 20)}\n`
  assert.throws(() => {
    for (let i = 0; i < 64; i++) stream.push(chunk)
  }, error => error.code === 'resource_exhausted')
})
