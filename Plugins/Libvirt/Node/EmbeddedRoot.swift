import Glibc
import PluginKit

/// The root of an embedded hypervisor (`qemu:///embed?root=…`): libvirt's QEMU driver inside the worker, no daemon. Its guests
/// are processes of their own that outlive the worker; the next one that opens the root finds them again.
enum EmbeddedRoot {
    /// Settings without which guests would need libvirt's daemons, or die with the worker.
    static let configuration = """
        # Made by Berth's libvirt driver for an embedded hypervisor; yours to change, it is only written when missing.

        # Guests outlive the worker: their output goes to a file, not through virtlogd, and no cgroup is made that a service
        # manager would tidy up behind it.
        stdio_handler = "file"
        cgroup_controllers = [ ]

        # One user, one root: no change of owners that would have to be remembered, no namespace, no confinement by a policy
        # that knows nothing of this directory.
        user = "+\(geteuid())"
        group = "+\(getegid())"
        dynamic_ownership = 0
        remember_owner = 0
        namespaces = [ ]
        security_driver = "none"
        security_default_confined = 0

        """

    /// Makes the directories and the configuration where they are missing, and checks what libvirt itself would only say
    /// obscurely.
    static func prepare(_ root: String) throws(DriverError) {
        for directory in ["", "/etc", "/images", "/machines", "/console"] { try Files.makeDirectory(root + directory) }
        let file = root + "/etc/qemu.conf"
        if Files.size(file) == nil { try Files.write(Array(configuration.utf8), to: file) }
        if geteuid() == 0, getpwnam("libvirt-qemu") == nil {
            throw .unreachable(
                "libvirt's QEMU driver, run by root, wants the user 'libvirt-qemu' to exist even where guests run as another; "
                    + "Debian's package libvirt-daemon-system makes it")
        }
        // A monitor's socket lies at ROOT/lib/qemu/domain-N-NAME/monitor.sock, and a socket's path has 107 bytes.
        guard root.utf8.count <= 50 else {
            throw .invalid("config.uri: the root '\(root)' is too long for the sockets below it (50 bytes at most)")
        }
    }
}

/// A worker's environment is empty, and libvirt looks for QEMU and its tools along PATH.
func completeEnvironment() {
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0)
    if getenv("HOME") == nil, let user = getpwuid(geteuid()), let home = user.pointee.pw_dir { setenv("HOME", home, 0) }
}
