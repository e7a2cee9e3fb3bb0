/**
 * Does the work of all items, `lanes` at a time. Two are enough to prepare the inputs of one while a graph runs for the
 * other, in a thread of its own. Where the work says false, no further item is begun.
 * @returns whether no item said false.
 */
export async function overlap<Item>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item, index: number) => Promise<boolean>,
): Promise<boolean> {
  let begun = 0
  let goesOn = true
  const lane = async () => {
    while (goesOn && begun < items.length) {
      const index = begun++
      if (!(await work(items[index], index))) goesOn = false
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return goesOn
}
