import { afterEach, expect, test } from 'vitest'
import { ownCommand, sudoCommand } from '#src/linux/privileges.ts'

const { argv, execArgv } = process
afterEach(() => Object.assign(process, { argv, execArgv }))

test('the command that runs the program again as root is quoted for a shell', () => {
  Object.assign(process, {
    argv: ['node', '/x/vnet.js', '--wire', 'delay 20ms'],
    execArgv: ['--no-warnings'],
  })
  expect(ownCommand()).toEqual([
    process.execPath,
    '--no-warnings',
    '/x/vnet.js',
    '--wire',
    'delay 20ms',
  ])
  expect(sudoCommand()).toBe(
    `sudo ${process.execPath} --no-warnings /x/vnet.js --wire 'delay 20ms'`,
  )
})
