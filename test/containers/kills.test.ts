/** Pods that start and end, five at once, while the daemon is killed at random. */
import { spawn } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { bpfIds, newProgramsOf } from '#support/bpf.ts'
import { outcome } from '#support/netns.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'
import { freshContainerd } from './containerd.ts'

const KILLS = 50
const WIRE = { 'vnet.dev/wire': 'loss 0%' }
/** The pods of each round: with a wire, without one, and with a mistake. */
const PODS = [WIRE, WIRE, WIRE, {}, { 'vnet.dev/wires': 'loss 1%' }]

const containerd = freshContainerd()

const start = (): Promise<Running> => spawnVnet(['node', '--json'], { within: containerd.within })

/** Returns the names of all pods of which `vnet list` has a row. */
async function listed(): Promise<string[]> {
  const [program, ...within] = containerd.within as [string, ...string[]]
  const child = spawn(program, [...within, process.execPath, PROGRAM, 'list', '--json'], {
    stdio: 'pipe',
  })
  // Without a row it fails.
  const { stdout } = await outcome(child)
  const { interfaces, mistakes } = JSON.parse(stdout || '{"interfaces":[],"mistakes":[]}') as {
    interfaces: readonly { owner: { pod?: string } | null }[]
    mistakes: readonly { who: string }[]
  }
  const wrong = mistakes.map(({ who }) => /^pod web\/(\S+)/.exec(who)?.[1])
  return [...interfaces.map(({ owner }) => owner?.pod), ...wrong].filter(name => name !== undefined)
}

test(`no pod fails to start or end, and nothing remains, when the daemon is killed ${KILLS} times`, async () => {
  const [chance, earlier] = [random(1), bpfIds()]
  const pids: number[] = []
  let daemon = await start()
  let ids: readonly string[] = []
  /** Milliseconds that five pods took to start and to end, the last time. */
  const lasted = { start: 1000, end: 500 }
  async function change(what: 'start' | 'end', kill: number): Promise<void> {
    const began = performance.now()
    if (what === 'start') {
      ids = await Promise.all(
        PODS.map((annotations, i) => containerd.runPod(`${kill}-${i}`, annotations)),
      )
    } else {
      await Promise.all(ids.map(id => containerd.stopPod(id)))
    }
    lasted[what] = performance.now() - began
  }
  async function killAfter(ms: number): Promise<void> {
    await setTimeout(ms)
    pids.push(daemon.pid)
    await daemon.stop('SIGKILL')
    daemon = await start()
  }
  for (let kill = 0; kill < KILLS; kill++) {
    const what = kill % 2 === 0 ? 'start' : 'end'
    await Promise.all([change(what, kill), killAfter(chance.next() * lasted[what])])
    const wanted = PODS.flatMap((annotations, i) =>
      annotations === PODS[3] ? [] : [`${kill}-${i}`],
    )
    if (what === 'start') {
      expect(await listed()).toEqual(expect.arrayContaining(wanted))
    } else {
      expect(await listed()).toEqual([])
    }
  }
  expect(await daemon.stop()).toMatchObject({ status: 0 })
  expect(containerd.remains()).toEqual({
    interfaces: [],
    namespaces: [],
    addresses: [],
    files: [],
    state: [],
  })
  for (const pid of pids) {
    await expect.poll(() => newProgramsOf(earlier, `vnet_in_${pid}`)).toEqual([])
  }
}, 900_000)
