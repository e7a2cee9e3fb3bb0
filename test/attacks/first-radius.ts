/** The smallest radius, from 0.01, at which a condition holds, to a fraction of it: by growing steps and bisection. */
export function firstRadius(holds: (radius: number) => boolean, precision: number): number {
  let above = 0.01
  while (!holds(above)) above *= 1.05
  let below = above / 1.05
  while (above - below > precision * above) {
    const middle = (below + above) / 2
    if (holds(middle)) above = middle
    else below = middle
  }
  return above
}
