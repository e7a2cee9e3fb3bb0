// Preloaded in the thread of an engine: runs wait there while the first of the numbers that it shares with the test is 1,
// and the second is 1 while one waits.
'use strict'

const { workerData } = require('node:worker_threads')
const { InferenceSession } = require('onnxruntime-node')

const { run } = InferenceSession.prototype
InferenceSession.prototype.run = function (...given) {
  Atomics.store(workerData, 1, 1)
  // A test whose own thread waits for this run, which is what nobody may do, goes on after a minute, and fails.
  Atomics.wait(workerData, 0, 1, 60_000)
  Atomics.store(workerData, 1, 0)
  return run.apply(this, given)
}
