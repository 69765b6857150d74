// A worker thread that reports the name of its machine.
import { hostname } from 'node:os'
import { parentPort } from 'node:worker_threads'

parentPort.postMessage(hostname())
