/** What the faults of vnet's own drivers do, in a few words. */

const WORDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  snull: {
    lockup: 'Loses the interrupt after the next frame sent on a queue, or on each: it stops until the timeout.',
    'lost-interrupt': 'The same after one frame, on the chosen queue or the first that sends.',
    stuck: 'Keeps the next frame in the transmitter: its queue stops until the timeout.',
    flap: 'Takes the link down for a second.',
  },
  lan: { flap: 'Takes the link down, and up again after a negotiation.' },
}

/** Returns undefined for a fault of a driver that is not known. */
export function faultWords(driver: string | undefined, fault: string): string | undefined {
  return WORDS[driver ?? '']?.[fault]
}
