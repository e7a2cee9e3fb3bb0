// To be imported before @bufbuild/protobuf, which looks for both as soon as it is imported. The environment `jsdom` of Jest
// has neither.
import * as util from 'node:util'

globalThis.TextEncoder ??= util.TextEncoder
globalThis.TextDecoder ??= util.TextDecoder
