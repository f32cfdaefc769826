import JSON
import Ledger

/// `berth ledger backup FILE`
struct LedgerBackupCommand: Command {
    static let path = ["ledger", "backup"]
    static let summary = "copy the ledger into a new file, also while a host uses it"
    static let usage = "FILE"
    static let example = "berth ledger backup /var/backups/berth-ledger.db"
    static let options = [OptionSpec.output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let file = arguments.operands[0]
        let size = try LedgerMaintenance.backup(ledgerSettings(arguments), to: file)
        switch try arguments.output() {
        case .table: print("copied to \(file) (\(size) bytes)")
        case .json: print((["file": JSON(file), "bytes": JSON(size)] as JSON).pretty)
        case .name: print(file)
        }
        return .done
    }
}

/// `berth ledger check [FILE]`
struct LedgerCheckCommand: Command {
    static let path = ["ledger", "check"]
    static let summary = "look for damage in the ledger, or in a backup of it"
    static let usage = "[FILE]"
    static let example = "berth ledger check /var/backups/berth-ledger.db"
    static let options = [OptionSpec.output]
    static let operands = 0...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let file = arguments.operands.first ?? ledgerSettings(arguments).path
        let problems = try LedgerMaintenance.check(file)
        switch try arguments.output() {
        case .table: print(problems.isEmpty ? "\(file) is sound" : problems.joined(separator: "\n"))
        case .json: print((["file": JSON(file), "sound": JSON(problems.isEmpty), "problems": JSON(problems)] as JSON).pretty)
        case .name: print(problems.joined(separator: "\n"))
        }
        return problems.isEmpty ? .done : .failed
    }
}

/// `berth ledger restore FILE`
struct LedgerRestoreCommand: Command {
    static let path = ["ledger", "restore"]
    static let summary = "put a backup in the place of the ledger; the host must be stopped"
    static let usage = "FILE"
    static let example = "berth ledger restore /var/backups/berth-ledger.db"
    static let options = [OptionSpec.output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let file = arguments.operands[0]
        let kept = try LedgerMaintenance.restore(file, ledgerSettings(arguments))
        switch try arguments.output() {
        case .table: print("restored \(file)" + (kept.map { "; what was there is kept as \($0)" } ?? ""))
        case .json: print((["file": JSON(file), "kept": JSON(kept)] as JSON).pretty)
        case .name: print(kept ?? "")
        }
        return .done
    }
}

private func ledgerSettings(_ arguments: Arguments) -> LedgerSettings {
    LedgerSettings(directory: Places(arguments).state, program: Berth.version)
}
