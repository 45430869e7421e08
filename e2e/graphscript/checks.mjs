// What a person with a graphscript program does, by the unmodified clients of npm graphscript 0.3.12, against
// examples/fixture. Each check gets the clients and the fixture's address; it runs in Node and in Chromium alike.

const equal = (got, want, what = '') => {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)]
  if (a !== b) throw new Error(`${what} got ${a}, want ${b}`)
}

export const within = (promise, ms = 5000, what = 'no answer') =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} within ${ms} ms`)), ms))])

const until = async (condition, what) => {
  const deadline = Date.now() + 5000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what} did not come true`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

let nonce = 0
const unique = name => `${name}${Date.now()}x${nonce++}`

// socket opens a connection; with an address of its own its subscriptions work.
const socket = async ({ gs, host, port }, { roots = {}, path = 'wss', onopen } = {}) => {
  const service = new gs.WSSfrontend({ roots })
  const info = service.openWS({ host, port, path, onopen })
  await until(() => info._id, 'the id of the socket')
  return { service, info }
}
const addressed = (env, options = {}) => socket(env, { ...options, path: `wss?addr=${unique('n')}` })

const stream = async ({ gs, base }, options = {}) => {
  const service = new gs.SSEfrontend({ roots: options.roots ?? {} })
  const info = service.openSSE({ url: `${base}/sse`, events: options.events })
  await until(() => info._id, 'the id of the stream')
  return { service, info }
}

export const checks = {
  async 'ws: run and its results'(env) {
    const { info } = await socket(env)
    for (const [route, args, want] of [
      ['ping', undefined, 'pong'], ['add', [1, 2], 3], ['greet', ['bob'], 'hello bob'], ['greet', 'bob', 'hello bob'],
      ['math.mul', [2, 3], 6], ['math.square', [5], 25], ['nul', undefined, null], ['zero', undefined, 0],
      ['fals', undefined, false], ['empty', undefined, ''], ['none', undefined, undefined],
      ['obj', undefined, { n: 1, nested: { list: [1, 2, 3] }, ok: true }],
      ['echo', [1, 'a', null], [1, 'a', null]], ['args', 5, { a: [5], n: 1 }], ['args', [], { a: [], n: 0 }],
      ['args', [[1, 2], 3], { a: [[1, 2], 3], n: 2 }], ['same', [{ 'a"\\\n': '\\"' }], { 'a"\\\n': '\\"' }],
    ]) equal(await within(info.run(route, args)), want, route)
  },
  async 'ws: a method of a node'(env) {
    const { info } = await socket(env)
    equal(await within(info.run('math', [3], 'square')), 9)
    equal(await within(info.request({ route: 'math', args: [4] }, 'square')), 16, 'the method on the outside')
    equal(await within(info.run('multi', [1], 'get')), { a: [1], via: 'get' })
    equal(await within(info.run('multi', [1])), { a: [1], via: 'post' })
  },
  async 'ws: run before the id is known'(env) {
    const service = new env.gs.WSSfrontend({ roots: {} })
    const answer = new Promise((resolve, reject) => {
      const { host, port } = env
      const info = service.openWS({ host, port, path: 'wss', onopen: () => info.run('ping').then(resolve, reject) })
    })
    equal(await within(answer), 'pong')
  },
  async 'ws: unknown, restricted, failing and panicking routes are answered'(env) {
    const { info } = await socket(env)
    for (const [route, args] of [['nosuch', [1]], ['secret'], ['fail'], ['failAsync'], ['panics', ['index']], ['panics', ['nil']]]) {
      equal(await within(info.run(route, args)), undefined, route)
    }
    equal(await within(info.run('secretRuns')), 0)
    equal(await within(info.run('ping')), 'pong', 'the connection lives on')
  },
  async 'ws: slow calls do not hold up others'(env) {
    const { info } = await socket(env)
    const order = []
    await within(Promise.all([
      info.run('slow', [300, 'slow']).then(v => order.push(v)), info.run('ping').then(v => order.push(v)),
    ]))
    equal(order, ['pong', 'slow'])
  },
  async 'ws: post and send need no reply'(env) {
    const { info } = await socket(env)
    const key = unique('tick')
    info.post('tick', [key])
    info.send({ route: 'tick', args: [key] })
    info.send(42)
    info.send('plain text')
    info.send(JSON.stringify(JSON.stringify({ route: 'tick', args: [key] })))
    let ticks = 0
    await until(() => { info.run('ticks', [key]).then(v => { ticks = v }); return ticks === 3 }, 'three ticks')
  },
  async 'ws: the server calls the client'(env) {
    const { info } = await socket(env, { roots: { clientAdd: (a, b) => a + b } })
    equal(await within(info.run('callWS', [info._id, 'clientAdd', [4, 5]])), 9)
    equal(await within(info.run('callWS', ['nobody', 'clientAdd', [4, 5]])), undefined)
  },
  async 'ws: subscribe, update before reply, unsubscribe'(env) {
    const { info } = await addressed(env)
    const got = []
    const sub = await within(info.subscribe('add', v => got.push(v)))
    equal(typeof sub, 'number')
    await within(info.run('add', [20, 22]).then(v => got.push(`reply ${v}`)))
    await until(() => got.length === 2, 'update and reply')
    equal(got, [42, 'reply 42'])
    equal(await within(info.unsubscribe('add', sub)), true)
    equal(await within(info.unsubscribe('add', sub)), undefined, 'the second time')
    await within(info.run('add', [1, 1]))
    equal(got.length, 2)
  },
  async 'ws: subscribe to a state key, an input, with a mapping'(env) {
    const { info } = await addressed(env)
    const [count, input, mapped] = [[], [], []]
    await within(info.subscribe('counter.count', v => count.push(v)))
    await within(info.subscribe('greet', v => input.push(v), null, null, true))
    await within(info.subscribe('double', v => mapped.push(v), ['math.pi']))
    const total = await within(info.run('counter', [2]))
    await within(info.run('greet', ['bob']))
    await within(info.run('double', [4]))
    await until(() => count.length && input.length && mapped.length, 'all updates')
    equal(count, [total])
    equal(input, [['bob']])
    equal(mapped, [3.14])
  },
  async 'ws: unknown and restricted routes cannot be watched'(env) {
    const { info } = await addressed(env)
    equal(await within(info.subscribe('nosuch', () => {})), undefined)
    equal(await within(info.subscribe('secret', () => {})), undefined)
  },
  async 'ws: the server watches the client'(env) {
    const route = unique('sensor')
    const { service, info } = await addressed(env, { roots: { [route]: v => v } })
    equal(await within(info.run('subWS', [info._id, route])), true)
    await service.get(route).__operator(99)
    let got = []
    await until(() => { info.run('subWSGot', [route]).then(v => { got = v }); return got.length === 1 }, 'the update')
    equal(got, [99])
  },
  async 'ws: another client cannot be impersonated'(env) {
    const [victim, attacker] = [await socket(env), await socket(env)]
    const [atVictim, atAttacker] = [[], []]
    victim.info.socket.addEventListener('message', e => atVictim.push(e.data))
    attacker.info.socket.addEventListener('message', e => atAttacker.push(e.data))
    attacker.info.send({ route: 'runRequest', args: [{ route: 'greet', args: ['x'] }, victim.info._id, 'stolen'] })
    await until(() => atAttacker.some(data => data.includes('stolen')), 'the answer to whoever asked')
    await within(victim.info.run('ping'))
    if (atVictim.some(data => data.includes('stolen'))) throw new Error('the reply went to the victim')
  },
  async 'ws: a peer is called through the router'(env) {
    const name = unique('user')
    const [callee, caller] = [await socket(env, { roots: { peerFn: v => `peer got ${v}` } }), await socket(env)]
    callee.info.send({ route: 'addUser', args: [{ _id: name }, { 0: callee.info._id }, null, true] })
    let users = []
    await until(() => { caller.info.run('userList').then(v => { users = v }); return users.includes(name) }, 'the user')
    equal(await within(caller.info.run('runConnection', [name, 'run', ['peerFn', 'hi']])), 'peer got hi')
    equal(await within(caller.info.run('runConnection', ['nobody', 'run', ['peerFn', 'hi']])), undefined)
    callee.info.terminate()
    await until(() => { caller.info.run('userList').then(v => { users = v }); return !users.includes(name) }, 'the end of the user')
  },
  async 'sse: open, named events and pushes'(env) {
    const seen = []
    const { info } = await stream(env, { events: { test: e => seen.push(e.data ?? e) } })
    const other = await stream(env)
    await until(() => seen.some(v => String(v).includes('SSE connection at')), 'the event')
    equal(typeof info._id, 'string')
    other.info.terminate?.()
  },
  async 'sse: the server calls the client'(env) {
    const { info } = await stream(env, { roots: { clientAdd: (a, b) => a + b } })
    const answer = await within(fetch(`${env.base}/callSSE`, {
      method: 'POST', body: JSON.stringify([info._id, 'clientAdd', [4, 5]]),
    }).then(r => r.json()))
    equal(answer, 9)
  },
  async 'sse: updates reach the callback'(env) {
    const { info } = await stream(env)
    const got = []
    info.subscribe('greet', v => got.push(v))
    await until(() => {
      fetch(`${env.base}/greet`, { method: 'POST', body: '["bob"]' })
      return got.length > 0
    }, 'the update')
    equal(got[0], 'hello bob')
  },
}

// What needs XMLHttpRequest, and so a browser.
export const browserChecks = {
  async 'http: GET and POST'({ gs, base }) {
    const http = new gs.HTTPfrontend()
    equal(await within(http.GET(`${base}/ping`, 'text')), 'pong')
    equal(await within(http.POST({ route: 'add', args: [1, 2] }, `${base}/`, 'json')), 3)
    equal(await within(http.POST({ route: 'obj' }, `${base}/x/y`, 'json')), { n: 1, nested: { list: [1, 2, 3] }, ok: true })
    equal(await within(http.POST({ route: 'zero' }, `${base}/`, 'json')), 0)
    equal(await within(http.POST({ route: 'math', args: [3], method: 'square' }, `${base}/`, 'json')), 9)
  },
  async 'sse: post is answered'(env) {
    const { info } = await stream(env)
    equal(await within(info.post('add', [1, 2])), 3)
  },
}
