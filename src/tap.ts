/** 'vnet/tap': the Linux side: a host that opens TAPs, and real time. Loading it loads no native code; loadNative does. */
export { TimerfdClock } from './kernel/clock.ts'
export { LinuxHost } from './kernel/host.ts'
export { loadNative, type Native } from './kernel/native.ts'
