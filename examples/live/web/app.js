// The page: two connections to one server, and what is shown of them.

import { Graph, openSSE, openWS } from './graph.mjs'
import { chat } from './chat.js'
import { figures } from './figures.js'
import { people } from './people.js'

const $ = id => document.getElementById(id)

// What the server may call.
const page = new Graph({ 'page.timezone': () => Intl.DateTimeFormat().resolvedOptions().timeZone })

const down = openSSE('sse', { graph: page })
const up = openWS('ws', { graph: page })

const leg = (connection, element) => {
  connection.addEventListener('state', ({ detail: { state, error } }) => {
    element.dataset.state = state
    element.querySelector('dd').textContent = state
    element.title = error?.message ?? ''
  })
}

// A connection that is closed for good does not come back by itself, as one that was only lost does.
const closed = ({ detail: { error } }) => {
  $('notice').querySelector('p').textContent = `The server closed the connection: ${error?.message ?? 'terminated'}.`
  $('notice').hidden = false
}
$('notice').querySelector('button').addEventListener('click', () => location.reload())
down.addEventListener('close', closed)
up.addEventListener('close', closed)

leg(down, $('leg-stream'))
leg(up, $('leg-socket'))

// watch subscribes on the stream. A page that is too slow gets the newest value, and says what it missed.
let updates = 0
let left = 0
const watch = async (route, show) => {
  const count = (value, { lost }) => {
    updates++
    left += lost
    $('traffic').textContent = `${updates.toLocaleString('en')} updates, ${left.toLocaleString('en')} left out`
    show(value)
  }
  const subscription = await down.subscribe(route, count, { lag: { policy: 'conflate' } })
  const error = await subscription.ended
  if (error && down.state !== 'closed') console.error(`${route} ended: ${error.message}`)
}

figures(down, watch)
chat({ up, down, watch })
people({ down, watch })
