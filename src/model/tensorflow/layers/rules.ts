import { activationLayers } from './activations.js'
import { arrangementLayers } from './arrangement.js'
import { convolutionLayers } from './convolutions.js'
import { denseLayers } from './dense.js'
import type { LayerRule } from './layer.js'
import { mergingLayers } from './merging.js'
import { poolingLayers } from './pooling.js'

/** Every layer that has a translation, by the name of its class. */
export const layerRules: ReadonlyMap<string, LayerRule> = new Map(
  [denseLayers, convolutionLayers, poolingLayers, activationLayers, mergingLayers, arrangementLayers].flatMap(
    Object.entries,
  ) as [string, LayerRule][],
)
