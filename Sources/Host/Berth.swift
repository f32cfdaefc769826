import Conformance
import Glibc
import Model
import PluginHost

/// The program `berth`: finds the command, reads its options, runs it, and turns errors into exit codes.
@main
enum Berth {
    static let version = berthVersion

    /// Every command, in the order of `berth --help`.
    static let commands: [any Command.Type] = [
        PluginsCommand.self, PluginsListCommand.self, PluginsShowCommand.self, PluginsCheckCommand.self, PluginsResetCommand.self,
        PluginsReloadCommand.self,
        ProvidersCommand.self, ProvidersListCommand.self, ProvidersShowCommand.self, ProvidersCheckCommand.self, ProvidersDrainCommand.self,
        ProvidersResumeCommand.self, ProvidersLostCommand.self,
        ServeCommand.self, StatusCommand.self, SupportCommand.self, CallCommand.self, EventsCommand.self, LogLevelCommand.self,
        KeysNewCommand.self, KeysListCommand.self, KeysAllowCommand.self, KeysRevokeCommand.self, KeysTokenCommand.self,
        LeaseCreateCommand.self, LeaseListCommand.self, LeaseShowCommand.self, LeaseUpdateCommand.self, LeaseCancelCommand.self,
        LeaseSuspendCommand.self, LeaseResumeCommand.self, LeaseExplainCommand.self, LeaseSaveCommand.self,
        MachinesCommand.self, MachinesActionCommand.self, MachinesForgetCommand.self, MachinesAdoptCommand.self, MachinesRemoveCommand.self,
        FlavorsCommand.self, ImagesCommand.self, TopCommand.self,
        MembersCommand.self, MembersListCommand.self, MembersShowCommand.self, MembersInviteCommand.self, MembersAcceptCommand.self,
        MembersRemoveCommand.self,
        ConfigCheckCommand.self,
        ABIHeaderCommand.self,
        LedgerBackupCommand.self, LedgerRestoreCommand.self, LedgerCheckCommand.self, LedgerAcceptCommand.self,
        SimulateCommand.self, SimulateCrashesCommand.self,
        CompletionCommand.self, ManualCommand.self,
        VersionCommand.self,
    ]

    static func main() async {
        // Not a person's command: the host starts itself again for each provider, and the driver gets this very thread.
        if let provider = WorkerProcess.provider(in: CommandLine.arguments) { WorkerProcess.run(provider) }
        if let order = DescribeProcess.order(in: CommandLine.arguments) { DescribeProcess.run(order) }
        if let directory = CheckChild.directory(in: CommandLine.arguments) { CheckChild.run(in: directory) }
        let code = await CommandLineProgram(commands: commands).run(Array(CommandLine.arguments.dropFirst()))
        fflush(nil)
        exit(code.rawValue)
    }
}
