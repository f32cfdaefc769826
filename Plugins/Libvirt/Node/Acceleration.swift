import CLibvirtShim
import Glibc
import PluginKit

/// Whether machines here run on the processor itself or are emulated. A device file says little: it may fail, hang, or be
/// KVM in software; so a child process runs a tiny machine with a time-out, once a boot.
enum Acceleration: String, Sendable {
    case works, absent, fails, hangs, software

    /// Why there is none, for the log; nil where there is.
    var reason: String? {
        switch self {
        case .works: nil
        case .absent: "there is no /dev/kvm, or no right to open it"
        case .fails: "/dev/kvm is there but no machine runs on it"
        case .hangs: "/dev/kvm is there but hangs"
        case .software: "the processor offers neither VMX nor SVM"
        }
    }

    /// Probes, or reads what this boot's probe said from `ROOT/acceleration`.
    static func find(root: String?, timeout: Int32 = 5000) -> Acceleration {
        let boot = (try? Files.prefix("/proc/sys/kernel/random/boot_id", 64)).map { String(decoding: $0, as: UTF8.self).trimmed }
        let file = root.map { $0 + "/acceleration" }
        if let file, let boot, let known = try? Files.prefix(file, 128) {
            let words = String(decoding: known, as: UTF8.self).split { $0 == " " || $0 == "\n" }
            if words.count == 2, words[0] == boot, let answer = Acceleration(rawValue: String(words[1])) { return answer }
        }
        let answer: Acceleration =
            switch clibvirt_probe_kvm(timeout) {
            case CLIBVIRT_KVM_WORKS: .works
            case CLIBVIRT_KVM_ABSENT: .absent
            case CLIBVIRT_KVM_HANGS: .hangs
            case CLIBVIRT_KVM_SOFTWARE: .software
            default: .fails
            }
        // A missing right may be given without a boot; everything else stays as it is.
        if let file, let boot, answer != .absent {
            unlink(file)
            try? Files.write(Array("\(boot) \(answer.rawValue)\n".utf8), to: file)
        }
        return answer
    }
}
