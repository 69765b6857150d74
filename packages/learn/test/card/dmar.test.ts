/**
 * The line of an IOMMU's fault: the model's is the one of Debian's kernel 6.1, in a machine with
 * intel-iommu and QEMU's card. Device, address and number of the reason are the machine's.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { Iommu, PCI_COMMAND_MASTER, PciDev } from '#src/pci/index.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { cpio } from '../../../guest/src/cpio.ts'
import { buildModule, findKernelFiles } from '../../src/kernel/build.ts'

const FOLDER = import.meta.dirname
const LIMIT_MS = 240_000
const IOMMU = 'intel_iommu=on iommu=strict'
/** The address that no mapping has. */
const NOWHERE = 0x7777_7000

const directory = fileDirectory()
let release = ''
/** The lines of the kernel's console. */
let lines: string[] = []

beforeAll(() => {
  const kernel = findKernelFiles(line => console.error(line))
  release = kernel.release
  const { module, messages } = buildModule(join(FOLDER, 'card.c'), kernel, fileDirectory())
  expect(messages).toEqual([])
  const init = join(directory, 'init')
  const { stderr } = spawnSync('gcc', ['-static', '-O2', '-o', init, join(FOLDER, 'init.c')], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  const initramfs = join(directory, 'initramfs')
  const files = [
    { name: 'init', content: readFileSync(init), isProgram: true },
    { name: 'card.ko', content: readFileSync(module as string) },
    { name: 'dev' },
  ]
  writeFileSync(initramfs, cpio(files))
  const { stdout } = spawnSync('qemu-system-x86_64', machine(kernel.image, initramfs), {
    encoding: 'utf8',
    timeout: LIMIT_MS,
  })
  // All of the console is shown if the machine has ended before.
  expect(stdout).toContain('init: wrong=write 0')
  lines = stdout.replaceAll('\r', '').split('\n')
}, LIMIT_MS)

const machine = (kernel: string, initramfs: string): string[] => [
  ...['-machine', 'q35,kernel-irqchip=off', '-accel', 'tcg', '-cpu', 'Nehalem', '-m', '256M'],
  ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
  ...['-device', 'intel-iommu', '-netdev', 'hubport,id=n,hubid=0'],
  ...['-device', 'e1000,netdev=n,romfile=', '-kernel', kernel, '-initrd', initramfs],
  // On a busy machine, the kernel's test of its timer fails, and the kernel panics.
  ...['-append', `console=ttyS0 panic=-1 mitigations=off no_timer_check ${IOMMU}`],
]

/** Returns a line without what differs by machine. */
const compared = (line: string): string =>
  line
    .replace(/^\[ *\d+\.\d+\] /, '')
    .replace(/\[\w\w:\w\w\.\w\]/, '[DEVICE]')
    .replace(/0x[0-9a-f]+ \[/, 'ADDRESS [')
    .replace(/reason 0x\w\w/, 'reason NUMBER')

/** Returns the line of the model for an access to memory that is not mapped. */
function lineOfModel(isWrite: boolean): string {
  const logged: string[] = []
  const pdev = new PciDev('00:03.0', { err: (_, line) => void logged.push(line) })
  const iommu = new Iommu(pdev)
  pdev.connect({ read32: () => 0, write32: () => {} }, iommu)
  pdev.setCommand(PCI_COMMAND_MASTER)
  const bytes = new Uint8Array(60)
  if (isWrite) {
    iommu.write(NOWHERE, bytes.length, bytes, 0)
  } else {
    iommu.read(NOWHERE, bytes.length, bytes, 0)
  }
  expect(logged).toHaveLength(1)
  return logged[0] as string
}

const faults = () => lines.filter(line => line.includes('DMAR: [DMA'))
const card = (wrong: string) =>
  lines.find(line => line.includes(`card: wrong=${wrong} `))?.replace(/^.*wrong=\w+ /, '')

test('the kernel is the one that docs/drivers/e1000.md names', () => {
  expect(release).toMatch(/^6\.1\./)
  expect(lines.join('\n')).toContain('DMAR: IOMMU enabled')
})

test('with right addresses, a frame passes both rings, and no fault is reported', () => {
  expect(card('nothing'), lines.join('\n')).toBe('sent 1 received 1 byte 255')
  const before = lines.slice(
    0,
    lines.findIndex(line => line.includes('wrong=nothing')),
  )
  expect(before.filter(line => line.includes('DMAR: [DMA'))).toEqual([])
})

test.each([
  ['Read', false],
  ['Write', true],
] as const)('a forbidden %s has the line of the model', (what, isWrite) => {
  const found = faults().filter(line => line.includes(`[DMA ${what} `))
  expect([...new Set(found.map(compared))]).toEqual([compared(lineOfModel(isWrite))])
})

test('after a fault, the card continues: its descriptors are done', () => {
  expect([card('read'), card('write')]).toEqual([
    'sent 1 received 1 byte 0',
    'sent 1 received 1 byte 0',
  ])
})
