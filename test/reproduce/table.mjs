import Table from 'cli-table3'

/** First column to the left, numbers to the right. */
export function printTable(head, rows) {
  const colAligns = head.map((_, index) => (index === 0 ? 'left' : 'right'))
  const table = new Table({ head, colAligns, style: { head: [], border: [] } })
  table.push(...rows)
  console.log(table.toString())
}
