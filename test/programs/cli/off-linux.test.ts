/** On another operating system, commands without interfaces run, and others refuse in one line. */
import { describe, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { programsIn, refusal } from './other-system.ts'

const { run, vnet } = programsIn(freshDirectory())

describe.each(['darwin', 'win32'] as const)('on %s', platform => {
  test('a command that opens interfaces is refused in one line with exit status 1', () => {
    expect(vnet(platform, 'cable a b')).toEqual({
      status: 1,
      stdout: '',
      stderr: `vnet: ${refusal(platform)}\n`,
    })
  })

  test('a driver runs in memory', () => {
    const text = `
      const { testBed } = await import('vnet/bed')
      const { loop } = await import('vnet/drivers')
      const bed = await testBed(loop)
      console.log((await bed.ping()).received)
      await bed.close()
    `
    expect(run(platform, text)).toEqual({ status: 0, stdout: '1\n', stderr: '' })
  })
})
