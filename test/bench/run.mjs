// `npm run bench`: medians of interleaved runs, as ratios to the floor (bare runs of the same graph).
import { availableParallelism } from 'node:os'
import { benchBoundGoals } from './bound-goals.mjs'
import { benchBounds } from './bounds.mjs'
import { benchDevices } from './devices.mjs'
import { benchGradients } from './gradients.mjs'
import { benchMemory } from './memory.mjs'
import { benchProjectedGradientDescent } from './pgd.mjs'
import { benchRounding } from './rounding.mjs'
import { benchStart } from './start.mjs'
import { benchSteps } from './steps.mjs'
import { benchWorkers } from './workers.mjs'

console.log(
  `Node ${process.version}, ${availableParallelism()} threads. Medians of interleaved runs; lower is better.\n`,
)
const only = process.argv.slice(2)
const benches = {
  gradients: benchGradients,
  pgd: benchProjectedGradientDescent,
  steps: benchSteps,
  bounds: benchBounds,
  goals: benchBoundGoals,
  rounding: benchRounding,
  start: benchStart,
  memory: benchMemory,
  workers: benchWorkers,
}
// Needs an accelerator.
const named = { devices: benchDevices }
for (const [name, bench] of Object.entries({ ...benches, ...named })) {
  if (only.includes(name) || (only.length === 0 && name in benches)) await bench()
}
