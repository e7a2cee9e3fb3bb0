// `npm run reproduce [name …]`: figures and tables of the papers, on the fixtures. Each says whether the order that the
// paper found holds here.
import { reproduceClassifiers } from './classifiers.mjs'
import { reproduceExact } from './exact.mjs'
import { reproduceRegressors } from './regressors.mjs'
import { reproduceRounding } from './rounding.mjs'

const parts = {
  classifiers: reproduceClassifiers,
  regressors: reproduceRegressors,
  rounding: reproduceRounding,
  exact: reproduceExact,
}
const only = process.argv.slice(2)
for (const [name, reproduce] of Object.entries(parts)) {
  if (only.length === 0 || only.includes(name)) await reproduce()
}
