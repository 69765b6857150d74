/** The commands of labs. Each loads its code when it runs. */
import { Argument, Option } from 'commander'
import { json, type LazyCommand, user } from './lazy-command.ts'

const FILE = new Argument('<FILE>')
const HOST = new Argument('<HOST>')
const hosts = () => import('./commands/lab-hosts.ts')

const commands: readonly LazyCommand[] = [
  {
    name: 'lab',
    description: 'hosts, routers and links that a file describes',
    args: [FILE, new Argument('[command...]')],
    usage: '[OPTIONS] FILE [-- COMMAND [ARGS...]]',
    options: [
      new Option('--host <name>', 'run the command in this host (the first of the file)'),
      new Option('--json', 'take requests on standard input, one JSON object a line').conflicts('host'),
    ],
    run: async (io, file, command, options) => (await import('./commands/lab.ts')).lab(file, command, options, io),
  },
  {
    name: 'check',
    under: 'lab',
    description: 'check a lab file; runs nothing',
    args: [FILE],
    run: async (io, file) => (await import('./commands/lab.ts')).checkLab(file, io),
  },
  {
    name: 'graph',
    under: 'lab',
    description: 'print a lab file as a flowchart of Mermaid',
    args: [FILE],
    run: async (io, file) => (await import('./commands/lab.ts')).graphLab(file, io),
  },
  {
    name: 'list',
    under: 'lab',
    description: 'list the running labs, also those of tests',
    options: [json(), user()],
    run: async (io, options) => (await hosts()).listLabs(options, io),
  },
  {
    name: 'exec',
    under: 'lab',
    description: 'run a command in [LAB:]HOST of a running lab',
    args: [HOST, new Argument('<command...>')],
    usage: '[OPTIONS] HOST COMMAND...',
    options: [user()],
    passThrough: true,
    run: async (io, host, command, options) => (await hosts()).execInHost(host, command, options, io),
  },
  {
    name: 'shell',
    under: 'lab',
    description: 'start a shell in [LAB:]HOST of a running lab',
    args: [HOST],
    options: [user()],
    run: async (io, host, options) => (await hosts()).shellInHost(host, options, io),
  },
]

export const labCommands: readonly LazyCommand[] = commands.map(each => ({ ...each, group: 'Labs:' }))
