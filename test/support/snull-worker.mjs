/**
 * snull in a worker thread, with the interfaces wk0 and wk1 in the namespace that workerData names.
 * They are up when 'ready' is posted.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { snull } from '../../dist/drivers/index.js'
import { defaultParams } from '../../dist/index.js'
import {
  LinuxPlatform,
  LOGLEVEL_ERR,
  Log,
  loadNative,
  Net,
  registerNetdev,
  TimerfdClock,
} from '../../dist/net.js'

const native = loadNative()
const platform = new LinuxPlatform(native)
const log = new Log(LOGLEVEL_ERR, (_, text) => parentPort.postMessage(text))
const net = new Net({ platform, clock: new TimerfdClock(native), log })
const context = { args: ['wk0', 'wk1'], names: [], net, txqs: undefined, rxqs: undefined }
for (const { dev, addresses } of snull.init(defaultParams(snull.params), context)) {
  await registerNetdev(dev, net, { netns: workerData })
  await dev.port.apply({ addresses, up: true })
}
await platform.settle()
parentPort.postMessage('ready')
