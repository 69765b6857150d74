/** The help texts: of the program, with everything a first use needs, and of its commands. */
import type { Command, Help, Option } from 'commander'
import { commonOptions } from './options.ts'

type Item = readonly [term: string, description: string]
type Section = readonly [heading: string, items: readonly Item[]]

const EXAMPLES: Section = [
  'Examples:',
  [
    ['vnet', 'vnet0; then `ping 198.18.0.2`'],
    ['vnet --ipv6', 'IPv6 addresses too'],
    ['vnet snull --mtu 9000', 'sn0, sn1; then `tcpdump -ni sn1`'],
    ['vnet cable red/eth0 blue/eth0', 'joins the namespaces red and blue'],
    ['vnet lan eth9 --hosts 8', 'a port with a network behind it'],
    ['vnet ./my-driver.js', 'the driver that the file exports'],
    ['vnet --name tap0 --persist --user alice', 'leaves tap0 there at the end'],
    ['vnet --name tap0', 'attaches to it again, as alice'],
    ['vnet --name tap0 --delete', 'removes it'],
    ['vnet stats sn0', 'what vnet and the kernel counted'],
    ['vnet carrier sn0 off', 'as if its cable were taken out'],
    ['source <(vnet completion bash)', 'Tab completes what comes after `vnet`'],
    ['vnet exec ./my-client sn0', 'its private ioctls reach the driver'],
  ],
]

/** `vnet --help`: the commands, the options they share, examples. */
export function programHelp(program: Command): void {
  program.usage('[COMMAND] [OPTIONS]').description('Live Linux network interfaces whose driver is TypeScript.')
  program.helpOption('-h, --help', 'print this; after a command, also its own options')
  program.configureHelp({
    formatHelp: (_, helper) => {
      const sections = optionSections([...commonOptions(), ...helper.visibleOptions(program)])
      return page(program, helper, [...commandSections(program), ...sections, EXAMPLES])
    },
  })
}

/** Under the headings of their groups, as the options. */
function commandSections(program: Command): Section[] {
  const groups = new Map<string, Item[]>()
  for (const [i, command] of program.commands.entries()) {
    const heading = command.helpGroup() || 'Commands:'
    const group = groups.get(heading) ?? []
    groups.set(heading, group)
    const args = command.usage().replace('[OPTIONS]', '').trimStart()
    const description = command.description() + (i === 0 ? ' (the default)' : '')
    group.push([`${command.name()} ${args}`.trimEnd(), description])
  }
  return [...groups]
}

/** `vnet COMMAND --help`. */
export function commandHelp(command: Command): void {
  command.helpOption('-h, --help', 'print this')
  command.configureHelp({
    formatHelp: (_, helper) => page(command, helper, optionSections(helper.visibleOptions(command))),
  })
}

/** Under the headings of their groups, in the order in which these first come. */
function optionSections(options: readonly Option[]): Section[] {
  const groups = new Map<string, Item[]>()
  for (const { flags, description, helpGroupHeading = 'Other:' } of options) {
    const group = groups.get(helpGroupHeading) ?? []
    groups.set(helpGroupHeading, group)
    // `--mtu <n>` is written `--mtu N`, as ip(8) does; a value that may be left away, `--no-offload[=IF,...]`.
    const term = flags.replace(/ \[(.*)\]/, '[=<$1>]').replace(/<(.*)>/, (_, value: string) => value.toUpperCase())
    group.push([term, description])
  }
  return [...groups]
}

function page(command: Command, helper: Help, sections: readonly Section[]): string {
  const parts = sections.map(([heading, items]) => {
    const width = Math.max(...items.map(([term]) => term.length))
    return [heading, ...items.map(([term, description]) => helper.formatItem(term, width, description, helper))].join(
      '\n',
    )
  })
  return `${[`Usage: ${helper.commandUsage(command)}`, command.description(), ...parts].join('\n\n')}\n`
}
