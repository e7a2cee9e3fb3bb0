import type { Model } from '../model/model.js'

/** What linear relaxation needs of a model. */
export type BoundedModel = Pick<Model, 'graph' | 'description' | 'featureShape' | 'domain' | 'compile'>
