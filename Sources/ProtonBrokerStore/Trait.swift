#if !DurableBroker
    #error(
        """
        ProtonBrokerStore needs the package trait DurableBroker: leave `traits:` away where you depend on \
        swift-qpid-proton, or have it there.
        """)
#endif
