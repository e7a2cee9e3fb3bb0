/** Sorts and filters the tables of samples. Without it they are complete and in order. */
export const script = `
for (const details of document.querySelectorAll('.samples')) {
  const body = details.querySelector('tbody')
  const rows = [...body.rows]
  const headers = [...details.querySelectorAll('thead th')]
  const [select, search, status] = ['select', 'input', '[role=status]'].map((name) => details.querySelector(name))
  const state = headers.findIndex((header) => header.textContent === 'state')

  const filter = () => {
    const wanted = search.value.trim().toLowerCase()
    let shown = 0
    for (const row of rows) {
      const fits = select.value === 'all' || row.cells[state].textContent === select.value
      row.hidden = !fits || !row.textContent.toLowerCase().includes(wanted)
      if (!row.hidden) shown++
    }
    status.textContent = shown + ' of ' + rows.length + ' samples'
  }
  select.addEventListener('change', filter)
  search.addEventListener('input', filter)

  headers.forEach((header, column) => {
    header.querySelector('button').addEventListener('click', () => {
      const direction = header.getAttribute('aria-sort') === 'ascending' ? -1 : 1
      for (const other of headers) other.removeAttribute('aria-sort')
      header.setAttribute('aria-sort', direction === 1 ? 'ascending' : 'descending')
      const keys = new Map(rows.map((row) => [row, row.cells[column].textContent]))
      const numbers = new Map([...keys].map(([row, key]) => [row, parseFloat(key)]))
      // What is no number comes last, whatever the direction.
      rows.sort((left, right) => {
        const [one, other] = [numbers.get(left), numbers.get(right)]
        if (isNaN(one) && isNaN(other)) return direction * keys.get(left).localeCompare(keys.get(right))
        return isNaN(one) - isNaN(other) || direction * (one - other)
      })
      body.append(...rows)
    })
  })
}
`
