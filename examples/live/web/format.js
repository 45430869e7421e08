// How figures read. A figure that the computer does not tell is undefined, and says so.

export const MISSING = 'not available here'

export const percent = x => (x === undefined ? MISSING : `${x.toFixed(x < 9.95 ? 1 : 0)} %`)
export const count = x => (x === undefined ? MISSING : x.toLocaleString('en'))
export const number = x => (x === undefined ? MISSING : x.toFixed(2))

export const bytes = x => {
  if (x === undefined) return MISSING
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let i = 0
  for (; x >= 1024 && i < units.length - 1; i++) x /= 1024
  return `${x.toFixed(i > 0 && x < 99.5 && !Number.isInteger(x) ? 1 : 0)} ${units[i]}`
}

export const rate = x => (x === undefined ? MISSING : `${bytes(x)}/s`)

// show puts text into an element, and tells the style when it is only a word for nothing.
export const show = (element, text) => {
  element.textContent = text
  element.classList.toggle('missing', text === MISSING)
}

// facts fills a list with pairs of names and values, of which a third may name a series of a chart.
export const facts = (list, pairs) => {
  list.replaceChildren(...pairs.map(([name, value, series]) => {
    const pair = document.createElement('div')
    const dt = document.createElement('dt')
    const dd = document.createElement('dd')
    dt.textContent = name
    if (series) dt.className = series
    show(dd, value)
    pair.append(dt, dd)
    return pair
  }))
}
