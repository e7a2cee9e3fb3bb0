// `npm run reproduce [name …]`: figures and tables of the papers, on the fixtures. Each says whether the order that the
// paper found holds here. What takes longest runs only when it is named.
import { reproduceBaselines } from './baselines.mjs'
import { reproduceClassifiers } from './classifiers.mjs'
import { reproduceDeviations, reproduceLenet5 } from './deviations.mjs'
import { reproduceExact } from './exact.mjs'
import { reproduceRegions } from './regions.mjs'
import { reproduceRegressors } from './regressors.mjs'
import { reproduceRounding } from './rounding.mjs'
import { reproduceValidity } from './validity.mjs'
import { reproduceWide } from './wide.mjs'

const parts = {
  classifiers: reproduceClassifiers,
  regressors: reproduceRegressors,
  rounding: reproduceRounding,
  deviations: reproduceDeviations,
  baselines: reproduceBaselines,
  exact: reproduceExact,
  regions: reproduceRegions,
}
// The last two need networks that are to be trained first.
const long = { validity: reproduceValidity, wide: reproduceWide, lenet5: reproduceLenet5 }
const only = process.argv.slice(2)
for (const [name, reproduce] of Object.entries({ ...parts, ...long })) {
  if (only.includes(name) || (only.length === 0 && name in parts)) await reproduce()
}
