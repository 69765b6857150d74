/** Settings of Podman (containers.conf) for tests. */

/**
 * The runtime is runc, because crun 1.8 does not start where both versions of cgroups are in use.
 * The limits are low, because only CAP_SYS_RESOURCE raises them.
 */
export const PODMAN_CONF = `[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
`
