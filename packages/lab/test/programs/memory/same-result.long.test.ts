/** A dozen runs of one seed, in this thread, other threads and processes, on a busy machine. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { sumOf } from './traffic.mjs'

const TRAFFIC = join(import.meta.dirname, 'traffic.mjs')
const SEED = 7

/** Keeps every processor busy until the end of the test. */
function loadMachine(): void {
  for (let i = 0; i < availableParallelism(); i++) {
    const busy = new Worker('for (;;);', { eval: true })
    onTestFinished(async () => void (await busy.terminate()))
  }
}

async function inThread(seeds: readonly number[]): Promise<string[]> {
  const sums: string[] = []
  const worker = new Worker(TRAFFIC, { workerData: { seeds } }).on('message', sum => sums.push(sum))
  await once(worker, 'exit')
  return sums
}

async function inProcess(seeds: readonly number[]): Promise<string[]> {
  const child = spawn(process.execPath, [TRAFFIC, ...seeds.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return (await text(child.stdout)).split('\n').slice(0, -1)
}

test('a dozen runs of one seed have one sum, in threads and processes too, and another seed has another', async () => {
  loadMachine()
  const sums: string[] = []
  for (let i = 0; i < 6; i++) {
    sums.push(await sumOf(SEED))
  }
  const both = [inThread(Array(3).fill(SEED)), inProcess(Array(3).fill(SEED))]
  for (const some of await Promise.all(both)) {
    sums.push(...some)
  }
  expect(sums).toHaveLength(12)
  expect(new Set(sums).size).toBe(1)
  expect(await sumOf(SEED + 1)).not.toBe(sums[0])
})
