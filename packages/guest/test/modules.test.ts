import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { ModuleDirectory, moduleTable } from '../src/modules.ts'
import { kernelWith } from './support/kernel-modules.ts'

const directory = freshDirectory()

const BRIDGE = {
  'kernel/net/bridge/bridge.ko': [
    'alias=rtnl-link-bridge',
    'license=GPL',
    'depends=llc,stp',
    'name=bridge',
  ],
  'kernel/net/802/stp.ko': ['depends=llc'],
  'kernel/net/llc/llc.ko': ['depends='],
}
const modulesOf = (files: Readonly<Record<string, readonly string[]>>, builtin?: string) =>
  new ModuleDirectory(kernelWith(directory, files, builtin))
const namesOf = (modules: readonly { readonly name: string }[]) => modules.map(({ name }) => name)

test('a module follows all modules that it needs, and each is listed once', () => {
  expect(namesOf(modulesOf(BRIDGE).inOrder(['bridge', 'stp']))).toEqual(['llc', 'stp', 'bridge'])
})

test('a module that is compiled into the kernel is left out', () => {
  const modules = modulesOf({ 'kernel/net/a.ko': ['depends=b-c'] }, 'kernel/lib/b-c.ko\n')
  expect(namesOf(modules.inOrder(['a', 'b_c']))).toEqual(['a'])
})

test('a module that should be loaded before another is loaded if it exists', () => {
  const softdep = 'softdep=pre: log-syslog none post: later'
  const files = {
    'kernel/net/a.ko': [softdep],
    'kernel/net/log_syslog.ko': [],
    'kernel/net/later.ko': [],
  }
  expect(namesOf(modulesOf(files).inOrder(['a']))).toEqual(['log_syslog', 'a'])
})

test('a module that the kernel does not have is named', () => {
  expect(() => modulesOf(BRIDGE).inOrder(['nd-pmem'])).toThrow(
    'the kernel 6.1.0-test has no module nd_pmem',
  )
})

test('the table has a line for each name and alias, with the files in the order of loading', () => {
  const modules = modulesOf({
    ...BRIDGE,
    'kernel/net/a-b.ko': ['alias=net-pf-[0-9]-x', 'alias=a-b'],
  })
  expect(moduleTable(modules.inOrder(['bridge', 'a-b']))).toBe(
    `llc llc.ko
stp llc.ko stp.ko
bridge llc.ko stp.ko bridge.ko
rtnl_link_bridge llc.ko stp.ko bridge.ko
a_b a_b.ko
net_pf_[0-9]_x a_b.ko
`,
  )
})

test('modules for networks are protocols, and drivers without hardware', () => {
  const files = {
    'kernel/net/sched/sch_netem.ko': [],
    'kernel/drivers/net/veth.ko': [],
    'kernel/drivers/net/wireguard/wireguard.ko': [],
    'kernel/drivers/net/ethernet/intel/e1000.ko': [],
    'kernel/drivers/net/wireless/ath.ko': [],
    'kernel/arch/x86/crypto/aesni-intel.ko': [],
    'kernel/drivers/ata/libata.ko': [],
  }
  expect(modulesOf(files).networkNames()).toEqual(['aesni_intel', 'veth', 'wireguard', 'sch_netem'])
})

test('a compressed module is decompressed', () => {
  const kernel = kernelWith(directory, { 'kernel/a.ko': ['alias=b'] })
  execFileSync('gzip', [join(directory, 'kernel/a.ko')])
  const [module] = new ModuleDirectory(kernel).inOrder(['a'])
  expect(module?.aliases).toEqual(['b'])
})
