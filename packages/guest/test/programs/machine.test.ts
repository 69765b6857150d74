/** The end of a machine, with a program in place of QEMU. */
import { chmodSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { Machine, MachineEnded } from '../../src/machine.ts'

const directory = freshDirectory()
const at = (name: string) => join(directory, name)

afterEach(() => vi.unstubAllEnvs())

function startMachine(script: string): Machine {
  writeFileSync(at('qemu-system-x86_64'), `#!/bin/sh\n${script}\n`)
  chmodSync(at('qemu-system-x86_64'), 0o755)
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`)
  writeFileSync(at('devices'), '')
  const memory = at('memory')
  return new Machine({
    memoryMb: 256,
    ram: at('ram,a'),
    keeps: false,
    start: { devices: at('devices') },
    memories: { image: memory, outbox: memory, inbox: memory, project: memory },
    console: at('console'),
  })
}

test('a QEMU that ends before it makes its console ends the machine with its message', async () => {
  const machine = startMachine('echo "bad option" >&2; exit 1')
  await expect(machine.stopped()).rejects.toThrow(new MachineEnded('bad option'))
  await machine.close()
})

test('the reason of an end is in the last bytes of a console of any length', async () => {
  writeFileSync(at('console'), '')
  truncateSync(at('console'), 2 ** 31)
  const machine = startMachine(`echo "[ 1.0] Kernel panic - not syncing" >> '${at('console')}'`)
  await expect(machine.stopped()).rejects.toThrow('Kernel panic - not syncing')
  await machine.close()
})

test('a comma in a path is written twice in the options of QEMU', async () => {
  const machine = startMachine('echo "$@" | grep -o "mem-path=[^ ]*ram[^ ]*" >&2; exit 1')
  await expect(machine.stopped()).rejects.toThrow(`mem-path=${at('ram,,a')},share=off`)
  await machine.close()
})
