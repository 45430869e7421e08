// Who is online, and what time it is for them.

const $ = id => document.getElementById(id)

export const people = ({ down, watch }) => {
  let me = ''
  let list = []

  const draw = () => {
    $('online-count').textContent = list.length
    $('people').replaceChildren(...list.map(person => row(person, person.id === me)))
  }
  down.addEventListener('state', async ({ detail: { state } }) => {
    if (state !== 'open') return
    me = await down.run('chat.me').catch(() => me)
    draw()
  })
  watch('online', value => {
    list = value
    draw()
  })
  setInterval(draw, 30_000) // for the local times
}

const row = ({ name, timeZone, tabs }, isMe) => {
  const item = document.createElement('li')
  item.append(
    span('face', [...name][0].toUpperCase()),
    span('who', name, isMe ? span('you', 'you') : ''),
    span('tabs quiet', tabs > 1 ? `${tabs} tabs` : ''),
    span('where quiet', timeZone ? `${timeZone.replaceAll('_', ' ')}${localTime(timeZone)}` : 'time zone not known'),
  )
  item.querySelector('.face').setAttribute('aria-hidden', 'true')
  return item
}

const span = (className, ...content) => {
  const made = document.createElement('span')
  made.className = className
  made.append(...content)
  return made
}

// localTime is empty for a zone that this browser does not know.
const localTime = timeZone => {
  try {
    return `, ${new Intl.DateTimeFormat([], { timeZone, hour: '2-digit', minute: '2-digit' }).format()}`
  } catch {
    return ''
  }
}
