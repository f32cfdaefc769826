import Ledger
import PluginHost

extension LedgerSettings {
    /// The section `[ledger]`.
    init(directory: String, _ configuration: Configuration) {
        self.init(directory: directory, program: Berth.version)
        let section = configuration.section("ledger")
        if let events = section?["keep-events"].flatMap({ Int64($0) }) { keepEvents = events }
        if let answers = section?.duration("keep-answers") { keepAnswers = answers }
    }
}
