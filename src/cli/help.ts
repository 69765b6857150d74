/** The help texts: of the program, with everything a first use needs, and of each command. */
import type { Command, Help, Option } from 'commander'

type Item = readonly [term: string, description: string]
type Section = readonly [heading: string, items: readonly Item[]]

const EXAMPLES: Section = [
  'Examples:',
  [
    ['vnet', 'vnet0; then `ping 198.18.0.2`'],
    ['vnet --ipv6', 'IPv6 addresses too'],
    ['vnet snull --mtu 9000', 'sn0, sn1; then `tcpdump -ni sn1`'],
    ['vnet cable red/eth0 blue/eth0', 'join the namespaces red and blue'],
    ["vnet attach eth0 --wire 'delay 20ms'", 'a wire on an interface that exists'],
    ['vnet lan eth9 --hosts 8', 'a port with a network behind it'],
    ['vnet ./my-driver.js', 'the driver that the file exports'],
    ['vnet --name tap0 --persist --user alice', 'keep tap0 at the end'],
    ['vnet --name tap0', 'attach to it again, as alice'],
    ['vnet --name tap0 --delete', 'remove it'],
    ['vnet stats sn0', 'what vnet and the kernel counted'],
    ['vnet cut sn0', 'as if its cable were pulled out'],
    ['vnet capture sn0 - | wireshark -k -i -', 'watch its frames in Wireshark'],
    ["vnet simulate a.pcapng --wire 'loss 1%'", 'what a wire would do to a capture'],
    ['vnet replay a.pcap --to red/eth0', 'send the frames of a capture'],
    ['source <(vnet completion bash)', 'complete commands by Tab'],
    ['vnet exec ./my-client sn0', 'pass its private ioctls to the driver'],
    ['vnet learn 01-drop', 'an exercise; then `vnet check`'],
    ['vnet lab net.yaml -- curl server', 'a command in a network from a file'],
    ['vnet explore net.yaml -- curl server', 'again with each packet lost'],
    ['vnet rootless -- npx vitest run', 'tests with interfaces, without root'],
  ],
]

/** Gives `vnet --help`: the commands, the options common to all drivers, and examples. */
export function programHelp(program: Command): void {
  program.usage('[COMMAND] [OPTIONS]').description('Live Linux network interfaces whose driver is TypeScript.')
  program.helpOption('-h, --help', 'print this; after a command, also its own options')
  program.configureHelp({
    formatHelp: (_, helper) => {
      const sections = [...commandSections(program), ...optionSections(helper.visibleOptions(program)), EXAMPLES]
      return page(program, helper, sections)
    },
  })
}

/** Returns the commands and their subcommands under the headings of their groups. */
function commandSections(program: Command): Section[] {
  const subs = program.commands.flatMap(parent => parent.commands.map(sub => [`${parent.name()} `, sub] as const))
  const all = [...program.commands.map(each => ['', each] as const), ...subs]
  return grouped(all, ([parent, command]) => {
    const args = command.usage().replace('[OPTIONS]', '').trimStart()
    const description = command.description() + (command === program.commands[0] ? ' (the default)' : '')
    return [command.helpGroup() || 'Commands:', [`${parent}${command.name()} ${args}`.trimEnd(), description]]
  })
}

/** Gives `vnet COMMAND --help`. */
export function commandHelp(command: Command): void {
  command.helpOption('-h, --help', 'print this')
  command.configureHelp({
    formatHelp(_, helper) {
      const subs = command.commands.map((sub): Item => [`${sub.name()} ${sub.usage()}`, sub.description()])
      const sections = optionSections(helper.visibleOptions(command))
      return page(command, helper, subs.length === 0 ? sections : [...sections, ['Commands:', subs]])
    },
  })
}

function optionSections(options: readonly Option[]): Section[] {
  return grouped(options, ({ flags, description, helpGroupHeading = 'Other:' }) => {
    // `--mtu <n>` becomes `--mtu N`, as in ip(8); an optional value, `--no-offload[=IF,...]`.
    const term = flags.replace(/ \[(.*)\]/, '[=<$1>]').replace(/<(.*)>/, (_, value: string) => value.toUpperCase())
    return [helpGroupHeading, [term, description]]
  })
}

/** Collects items under their headings, in the order of first appearance. */
function grouped<T>(all: readonly T[], place: (each: T) => readonly [heading: string, item: Item]): Section[] {
  const groups = new Map<string, Item[]>()
  for (const [heading, item] of all.map(place)) groups.set(heading, [...(groups.get(heading) ?? []), item])
  return [...groups]
}

function page(command: Command, helper: Help, sections: readonly Section[]): string {
  const parts = sections.map(([heading, items]) => {
    const width = Math.max(...items.map(([term]) => term.length))
    const lines = items.map(([term, description]) => helper.formatItem(term, width, description, helper))
    return [heading, ...lines].join('\n')
  })
  return `${[`Usage: ${helper.commandUsage(command)}`, command.description(), ...parts].join('\n\n')}\n`
}
