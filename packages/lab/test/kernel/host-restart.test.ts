/** Hosts start again what they ran before a crash. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { FileLab } from '../../src/file/file-lab.ts'
import { readLabFile } from '../../src/file/read.ts'
import { createLabWith } from '../../src/network/create-lab.ts'
import type { LabHost } from '../../src/network/host.ts'
import type { Lab } from '../../src/network/lab.ts'

let lab: Lab

beforeEach(async () => {
  lab = await createLabWith({ world: 'kernel' }, { isHidden: true, hostFaults: ['restart'] })
})
afterEach(() => lab.close())

async function crashAndRestart(host: LabHost): Promise<void> {
  await host.faults.crash()
  await host.restart()
}

test('a restart runs the programs of a host again, in their order, and waits for them', async () => {
  const [server] = lab.hosts('server')
  const runs: string[] = []
  const signals: AbortSignal[] = []
  const add = (name: string) =>
    server.start(async ({ host, signal }) => {
      signals.push(signal)
      runs.push(`${name} starts`)
      await host.exec('true')
      runs.push(`${name} started`)
    })
  await add('one')
  await add('two')
  expect(runs).toEqual(['one starts', 'one started', 'two starts', 'two started'])
  await server.faults.crash()
  expect(signals.map(({ aborted, reason }) => [aborted, reason.message])).toEqual(
    Array(2).fill([true, 'host server has crashed']),
  )
  await server.restart()
  expect(runs.slice(4).sort()).toEqual(['one started', 'one starts', 'two started', 'two starts'])
  expect(signals[3]?.aborted).toBe(false)
})

test('a program that a crash cuts short has started when it has after the restart', async () => {
  const [server] = lab.hosts('server')
  let runs = 0
  const started = server.start(async ({ host, signal }) => {
    const wait = ++runs === 1 ? ['1000'] : ['0']
    const [status] = await once(host.spawn('sleep', wait), 'exit', { signal })
    return status
  })
  await expect.poll(() => runs).toBe(1)
  await server.faults.crash()
  await server.restart()
  await started
  expect(runs).toBe(2)
})

test('a program that fails rejects its start, and a restart in which it fails', async () => {
  const [server] = lab.hosts('server')
  let fails = true
  const program = () => {
    if (fails) throw new Error('no luck')
  }
  await expect(server.start(program)).rejects.toThrow('no luck')
  fails = false
  await crashAndRestart(server)
  fails = true
  await expect(crashAndRestart(server)).rejects.toThrow('no luck')
})

test('a restart starts the programs of a lab file again, and waits until they are ready', async () => {
  const file = join(testDirectory(), 'net.yaml')
  const command =
    'cat $VNET_DISK/*; echo kept >$VNET_DISK/file; sleep 0.1; echo ready; exec sleep 1000'
  writeFileSync(
    file,
    `hosts: [server, other]\nrun:\n  server: { command: '${command}', ready: ready, restart: true }\n`,
  )
  const lines: string[] = []
  await using running = await FileLab.fill(lab, readLabFile(file), {
    signal: new AbortController().signal,
    log: line => lines.push(line),
  })
  expect(lines.at(-1)).toBe('server: ready')
  await crashAndRestart(running.host('server'))
  expect(lines.slice(-2)).toEqual(['server: kept', 'server: ready'])
  expect(lines.join('\n')).not.toContain('has ended')
})
