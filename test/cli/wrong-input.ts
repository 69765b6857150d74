/** Wrong command lines: one line that says what is wrong, and status 2, or 1 if a call failed. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { servedNets } from '#support/served-nets.ts'

/** Arguments, the status, and the line without `vnet: `. */
export type WrongInput = [args: string[], status: number, line: string | RegExp]

/** The first words that have vnet look for running vnets, of which there is one. */
const ASKING = ['wire', 'carrier', 'stats', 'ioctl', 'reset', 'sn0', 'param', 'trigger', 'capture']

/** Below the line a wire spec is shown, with the wrong place marked. */
const ONE_LINE = /^vnet: [^\n]+\n(vnet: {3}[^\n]+\nvnet: +\^+\n)?$/

export const NONE = 'no such file or directory'

/**
 * Returns FIFOs that nothing opens: to open one would wait for ever. Call it once in a test file.
 */
export function fifos(): { readonly FIFO: string; readonly FIFO_JS: string } {
  const directory = fileDirectory()
  const [FIFO, FIFO_JS] = [join(directory, 'fifo'), join(directory, 'fifo.js')]
  execFileSync('mkfifo', [FIFO, FIFO_JS])
  return { FIFO, FIFO_JS }
}

/** The error about each. */
export const PIPE = /fifo(\.js)?: it is a pipe: name a regular file$/

/** Tests that each of these command lines is refused in one line. Call it once in a test file. */
export function testWrongInputs(inputs: readonly WrongInput[]): void {
  const { serve, runMain } = servedNets()
  test.each(inputs)('vnet %j is one line with status %i', async (args, status, line) => {
    if (ASKING.includes(args[0] as string)) {
      await serve(snull, ['sn0', 'red/sn1'])
    }
    const said = await runMain(...args)
    expect(said).toEqual({ status, stdout: '', stderr: expect.stringMatching(ONE_LINE) })
    const text = said.stderr.slice('vnet: '.length, -1)
    if (typeof line === 'string') {
      expect(text).toBe(line)
    } else {
      expect(text.split('\n')[0]).toMatch(line)
    }
  })
}
