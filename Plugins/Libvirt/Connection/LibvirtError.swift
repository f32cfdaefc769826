import CLibvirt
import Glibc
import PluginKit

/// An error as libvirt tells it (`virGetLastError`), with what we were doing.
struct LibvirtError: Error, Sendable, CustomStringConvertible {
    /// A `virErrorNumber`.
    var code: UInt32
    var message: String
    /// What we wanted: `define machine 'web'`.
    var doing: String

    /// Takes the calling thread's last error, at once after the call that failed; `doing` comes after, since even asking a
    /// machine for its name forgets the error.
    init(doing: @autoclosure () -> String) {
        defer { self.doing = doing() }
        self.doing = ""
        guard let error = virGetLastError() else {
            code = VIR_ERR_INTERNAL_ERROR.rawValue
            message = "libvirt failed without saying why"
            return
        }
        code = UInt32(bitPattern: error.pointee.code)
        message = error.pointee.message.map { String(cString: $0) } ?? "error \(error.pointee.code)"
    }

    var description: String { "cannot \(doing): \(message)" }

    func `is`(_ codes: virErrorNumber...) -> Bool {
        codes.contains { $0.rawValue == code }
    }

    /// The error as the host wants it.
    var driverError: DriverError {
        DriverError(status, "cannot \(doing)", native: message)
    }

    /// The class that the host acts on.
    var status: DriverError.Status {
        switch virErrorNumber(rawValue: code) {
        case VIR_ERR_NO_DOMAIN, VIR_ERR_NO_NETWORK, VIR_ERR_NO_STORAGE_POOL, VIR_ERR_NO_STORAGE_VOL, VIR_ERR_NO_DOMAIN_SNAPSHOT,
            VIR_ERR_NO_DOMAIN_METADATA:
            .notFound
        case VIR_ERR_OPERATION_INVALID, VIR_ERR_DOM_EXIST, VIR_ERR_STORAGE_VOL_EXIST, VIR_ERR_NETWORK_EXIST, VIR_ERR_STORAGE_POOL_BUILT,
            VIR_ERR_MIGRATE_UNSAFE:
            .conflict
        case VIR_ERR_NO_SUPPORT, VIR_ERR_CONFIG_UNSUPPORTED, VIR_ERR_OPERATION_UNSUPPORTED, VIR_ERR_ARGUMENT_UNSUPPORTED,
            VIR_ERR_SNAPSHOT_REVERT_RISKY:
            .unsupported
        case VIR_ERR_INVALID_ARG, VIR_ERR_XML_ERROR, VIR_ERR_XML_DETAIL, VIR_ERR_XML_INVALID_SCHEMA, VIR_ERR_CONF_SYNTAX:
            .invalid
        case VIR_ERR_AUTH_FAILED, VIR_ERR_AUTH_CANCELLED, VIR_ERR_AUTH_UNAVAILABLE, VIR_ERR_OPERATION_DENIED, VIR_ERR_ACCESS_DENIED:
            .denied
        case VIR_ERR_RPC, VIR_ERR_INVALID_CONN, VIR_ERR_NO_CONNECT, VIR_ERR_LIBSSH, VIR_ERR_SSH, VIR_ERR_GNUTLS_ERROR:
            .unreachable
        case VIR_ERR_OPERATION_TIMEOUT, VIR_ERR_RESOURCE_BUSY, VIR_ERR_AGENT_UNRESPONSIVE, VIR_ERR_AGENT_UNSYNCED,
            VIR_ERR_OPERATION_ABORTED, VIR_ERR_NO_MEMORY:
            .retry
        default:
            .broken
        }
    }

    /// Whether the connection itself is gone, so that another one has to be made.
    var meansLostConnection: Bool {
        self.is(VIR_ERR_RPC, VIR_ERR_INVALID_CONN, VIR_ERR_NO_CONNECT)
    }
}

/// The result of a call that says -1 for a failure.
@discardableResult
func must(_ doing: @autoclosure () -> String, _ result: Int32) throws(LibvirtError) -> Int32 {
    guard result >= 0 else { throw LibvirtError(doing: doing()) }
    return result
}

/// The result of a call that says NULL for a failure.
func must<Pointer>(_ doing: @autoclosure () -> String, _ result: Pointer?) throws(LibvirtError) -> Pointer {
    guard let result else { throw LibvirtError(doing: doing()) }
    return result
}

/// The string of a call that hands it over (to be released with `free`).
func mustString(_ doing: @autoclosure () -> String, _ result: UnsafeMutablePointer<CChar>?) throws(LibvirtError) -> String {
    let text = try must(doing(), result)
    defer { free(text) }
    return String(cString: text)
}
