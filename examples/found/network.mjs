// Shared by the scenarios of this folder.

/** Returns the options of a scenario that fails with a fault of the packets of a filter. */
export const at = (fault, filter) => ({ world: 'memory', timeout: '60s', faults: [fault], filter })

/** Returns a scenario with a client and a server, which are functions of the run, on one link. */
export const between = (serve, ask) => async run => {
  const [client, server] = run.lab.hosts('client', 'server')
  await run.lab.cable(client, server)
  await server.run(() => serve(run))
  await client.run(() => ask(run))
}

/** The options of a scenario that every fault is tried on. */
export const every = {
  world: 'memory',
  strict: true,
  timeout: '5min',
  faults: [
    'drop',
    'delay',
    'reset',
    'silence 20s',
    'mute 20s',
    'forget on server',
    'forget on client',
  ],
}
