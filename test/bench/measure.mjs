import { setTimeout } from 'node:timers/promises'

/** Runs the tasks in turn, `rounds` times after one warm-up, and gives the median milliseconds of each. */
export async function interleave(tasks, rounds) {
  const times = await interleaveBoth(tasks, rounds)
  return Object.fromEntries(Object.entries(times).map(([name, { wall }]) => [name, wall]))
}

/**
 * The same with two clocks: `wall`, which also counts what other processes take away, and `cpu`, the time that all threads
 * of this process work, which does not count waiting.
 */
export async function interleaveBoth(tasks, rounds) {
  const times = Object.fromEntries(Object.keys(tasks).map((name) => [name, { wall: [], cpu: [] }]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, task] of Object.entries(tasks)) {
      const start = performance.now()
      const before = process.cpuUsage()
      await task()
      const { user, system } = process.cpuUsage(before)
      if (round < 0) continue
      times[name].wall.push(performance.now() - start)
      times[name].cpu.push((user + system) / 1000)
    }
  }
  return Object.fromEntries(
    Object.entries(times).map(([name, { wall, cpu }]) => [name, { wall: median(wall), cpu: median(cpu) }]),
  )
}

/** The same with CPU time, of all threads, and its minimum: it counts little of what else the machine does. */
export async function interleaveCpu(tasks, rounds) {
  const times = Object.fromEntries(Object.keys(tasks).map((name) => [name, Number.POSITIVE_INFINITY]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, task] of Object.entries(tasks)) {
      const time = await cpuTime(task)
      if (round >= 0) times[name] = Math.min(times[name], time)
    }
  }
  return times
}

/** Milliseconds of CPU time, of all threads, that a task takes. */
export async function cpuTime(task) {
  await settled()
  const start = process.cpuUsage()
  await task()
  await settled()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

/** Time of a thread counts when it goes to sleep: what the one that runs graphs has done would be missed, or be that of the next task. */
function settled() {
  return setTimeout(5)
}

/** Repeats a short task, so that one measurement takes long enough to be trusted. */
export function repeated(task, count) {
  return async () => {
    for (let index = 0; index < count; index++) await task()
  }
}

function median(values) {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)]
}
