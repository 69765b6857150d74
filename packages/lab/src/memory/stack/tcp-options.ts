/** Settings of a TCP, as Linux's sysctls. */
import { NSEC_PER_SEC } from 'vnet/internal/base/clock'

export interface TcpOptions {
  /** tcp_syn_retries. Default 6: connecting fails after 127 s. */
  readonly synRetries?: number
  /** tcp_syn_linear_timeouts, which is 4 in Linux since 6.5. Default 0, as before. */
  readonly synLinearTimeouts?: number
  /** tcp_synack_retries. Default 5. */
  readonly synAckRetries?: number
  /** tcp_fin_timeout in nanoseconds: FIN-WAIT-2 of a closed connection. Default 60 s. */
  readonly finTimeout?: number
  /** Whether loss probes are sent (tcp_early_retrans). Default true. */
  readonly hasLossProbes?: boolean
}

export const TCP_DEFAULTS: Required<TcpOptions> = {
  synRetries: 6,
  synLinearTimeouts: 0,
  synAckRetries: 5,
  finTimeout: 60 * NSEC_PER_SEC,
  hasLossProbes: true,
}
