// The chat: lines come down the stream, what is typed goes up the socket.

const $ = id => document.getElementById(id)

export const chat = ({ up, down, watch }) => {
  let me = ''
  let last = 0 // the id of the newest line on the page

  down.addEventListener('state', async ({ detail: { state } }) => {
    if (state !== 'open') return
    me = await down.run('chat.me').catch(() => me)
    for (const item of $('lines').children) item.classList.toggle('mine', item.dataset.from === me)
  })

  // The state holds the last lines; only those that are new are added. After a restart of the server ids begin anew.
  watch('chat.lines', lines => {
    if ((lines.at(-1)?.id ?? 0) < last) {
      $('lines').replaceChildren()
      last = 0
    }
    const fresh = lines.filter(line => line.id > last)
    if (fresh.length === 0) return
    const list = $('lines')
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40
    list.append(...fresh.map(line => row(line, line.from === me)))
    while (list.children.length > 200) list.firstChild.remove()
    last = fresh.at(-1).id
    if (atEnd) list.scrollTop = list.scrollHeight
  })

  const attempt = async call => {
    $('chat-error').textContent = ''
    try {
      await call()
      return true
    } catch (error) {
      $('chat-error').textContent = error.message
      return false
    }
  }

  $('say-form').addEventListener('submit', async event => {
    event.preventDefault()
    const text = $('say').value
    if (text.trim() && await attempt(() => up.run('chat.say', text))) $('say').value = ''
  })

  // The server forgets a name when the last tab is closed; the browser keeps it.
  const rename = async () => {
    const name = $('name').value.trim()
    if (name && await attempt(() => up.run('chat.name', name))) localStorage.setItem('name', name)
  }
  $('name').value = localStorage.getItem('name') ?? ''
  $('name').addEventListener('change', rename)
  $('name-form').addEventListener('submit', event => {
    event.preventDefault()
    $('say').focus()
  })
  up.addEventListener('state', ({ detail: { state } }) => {
    $('say-button').disabled = state !== 'open'
    if (state === 'open') rename()
  })
}

// row shows text as text: nothing that somebody says becomes part of the page's markup.
const row = ({ from, name, text, time }, isMine) => {
  const item = document.createElement('li')
  item.dataset.from = from
  item.classList.toggle('mine', isMine)
  const by = document.createElement('p')
  by.className = 'by'
  const who = document.createElement('strong')
  who.textContent = name
  const when = document.createElement('time')
  when.dateTime = time
  when.textContent = new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  by.append(who, when)
  const said = document.createElement('p')
  said.textContent = text
  item.append(by, said)
  return item
}
